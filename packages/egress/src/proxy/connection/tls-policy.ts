/** What becomes of a TLS connection, by who it says it is for. */
import { canonicalName, type Decision, type HostRef, hostText, matches } from "../../policy/mod.ts";
import { Refusal } from "../refusal.ts";
import type { ClientHello } from "../tls/client-hello.ts";
import type { Flow, Shared } from "./flow.ts";

export type TlsDecision =
  /** Opened, and for this host. */
  | { action: "open"; host: HostRef }
  /** Passed on as it is, to this host. */
  | { action: "splice"; host: HostRef }
  /** Told why not. */
  | { action: "refuse"; refusal: Refusal };

/** Decides by policy, never by the address that the guest chose. */
export function decideTls(flow: Flow, hello: ClientHello, shared: Shared): TlsDecision {
  const { policy } = flow.sandbox;
  const refuse = (refusal: Refusal): TlsDecision => ({ action: "refuse", refusal });
  const claimed = hello.serverName === null ? null : canonicalName(hello.serverName);
  if (hello.serverName !== null && claimed === null)
    return refuse(Refusal.mismatch("The server name (SNI) of the TLS connection is not the name of a host."));
  if (claimed !== null && "name" in flow.host && claimed !== flow.host.name) {
    return refuse(
      Refusal.mismatch(
        `The server name (SNI) of the TLS connection is ${claimed}, but it was made to ${flow.host.name}.`,
      ),
    );
  }
  const host: HostRef = claimed === null ? flow.host : { name: claimed };
  const decision = policy.decide(host, flow.port);
  if (!decision.allowed) return refuse(Refusal.denied(decision.reason, decision.rule));
  if (shared.passThrough.some((pattern) => matches(pattern, host, flow.port))) {
    if (claimed === null && "name" in host)
      return refuse(
        Refusal.mismatch(
          `The TLS connection to ${hostText(host)}, which is not opened here, has no server name (SNI).`,
        ),
      );
    return { action: "splice", host };
  }
  if (policy.restricted || needsOpening(flow, host, shared)) return { action: "open", host };
  return { action: "splice", host: flow.host };
}

/** Whether a TLS connection that passes through may go on: not under an allow list added since, which intercepts everything but pass-through. */
export function decidePassedOn(flow: Flow, hello: ClientHello, shared: Shared): Decision {
  const decision = decideTls(flow, hello, shared);
  if (decision.action === "refuse")
    return { allowed: false, rule: decision.refusal.rule, reason: decision.refusal.message };
  if (decision.action === "splice" || !flow.sandbox.policy.restricted)
    return flow.sandbox.policy.decide(decision.host, flow.port);
  return {
    allowed: false,
    rule: null,
    reason: `Under this sandbox's allow list, TLS to ${hostText(decision.host)} is intercepted, but this connection was not.`,
  };
}

/** Without an allow list, only TLS for which there is something to do is intercepted. */
function needsOpening({ sandbox, port }: Flow, host: HostRef, { hooks }: Shared): boolean {
  if (hooks !== null || sandbox.rules.rulesFor(host, port).length > 0) return true;
  return "name" in host && sandbox.secrets.approvedFor(host.name, port).length > 0;
}

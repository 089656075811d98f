/** Decides what happens to a TLS connection: interception, pass-through or refusal. */

import type { ClientHello } from "@sandkeep/common/tls";
import { canonicalName, type Decision, type HostRef, hostText, matches } from "../../policy/mod.ts";
import { Refusal } from "../refusal.ts";
import type { Flow, Shared } from "./flow.ts";

export type TlsDecision =
  /** Intercept TLS to this host. */
  | { action: "intercept"; host: HostRef }
  /** Pass the connection through to this host as it is. */
  | { action: "pass-through"; host: HostRef }
  /** Refuse, with a response that says why. */
  | { action: "refuse"; refusal: Refusal };

/** Decides by server name and policy, never by the address that the guest chose. */
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
          `The TLS connection to ${hostText(host)} is passed through without interception, so it needs a server name (SNI).`,
        ),
      );
    return { action: "pass-through", host };
  }
  if (policy.restricted || needsInterception(flow, host, shared)) return { action: "intercept", host };
  return { action: "pass-through", host: flow.host };
}

/**
 * Decides whether a connection that is being passed through may continue. It may not once there is an allow list that requires
 * interception.
 */
export function decidePassThrough(flow: Flow, hello: ClientHello, shared: Shared): Decision {
  const decision = decideTls(flow, hello, shared);
  if (decision.action === "refuse")
    return { allowed: false, rule: decision.refusal.rule, reason: decision.refusal.message };
  if (decision.action === "pass-through" || !flow.sandbox.policy.restricted)
    return flow.sandbox.policy.decide(decision.host, flow.port);
  return {
    allowed: false,
    rule: null,
    reason: `This sandbox now has an allow list, which requires TLS to ${hostText(decision.host)} to be intercepted. Connect again.`,
  };
}

/** Whether TLS must be intercepted even without an allow list: for hooks, request rules or secrets. */
function needsInterception({ sandbox, port }: Flow, host: HostRef, { hooks }: Shared): boolean {
  if (hooks !== null || sandbox.rules.rulesFor(host, port).length > 0) return true;
  return "name" in host && sandbox.secrets.approvedFor(host.name, port).length > 0;
}

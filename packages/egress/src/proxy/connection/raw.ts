import type { Duplex } from "node:stream";
import type { Dialled } from "../../dial/connect.ts";
import { denial } from "../../dial/error.ts";
import type { Decision, HostRef } from "../../policy/mod.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { Refusal } from "../refusal.ts";
import { splice } from "../streams/splice.ts";
import type { ConnectionContext } from "./context.ts";
import type { RawGuard } from "./raw-guard.ts";

/** A connection whose bytes are passed on without being parsed. */
export interface RawConnection {
  guest: Duplex;
  upstream: Dialled;
  protocol: "tcp" | "tls";
  /** The host that the connection is for. */
  host: HostRef;
  guard: RawGuard;
  /** A further decision that must allow the connection to continue. */
  decide?(): Decision;
}

/** Passes bytes on in both directions. Hosts with request rules get requests only, so raw bytes to them are denied. */
export async function serveRaw(
  { flow, record }: ConnectionContext,
  { guest, upstream, protocol, host, guard, decide }: RawConnection,
): Promise<void> {
  const { sandbox, port } = flow;
  const { address, socket } = upstream;
  const decideNow = () => {
    const decision = decideRaw(sandbox, host, port);
    return decision.allowed ? (decide?.() ?? decision) : decision;
  };
  const { allowed, rule, reason } = decideNow();
  if (!allowed) {
    guest.destroy();
    socket.destroy();
    return record.connection({ verdict: "denied", protocol, host, address, rule, reason });
  }
  const release = sandbox.hold(decideNow, (why) => socket.destroy(denial(why)));
  const { error, bytesUp, bytesDown } = await splice(guest, socket, { up: guard });
  release();
  await record.connection({
    verdict: error instanceof Refusal ? "denied" : "allowed",
    protocol,
    host,
    address,
    rule,
    reason: error?.message ?? null,
    bytesUp,
    bytesDown,
  });
}

function decideRaw(sandbox: Sandbox, host: HostRef, port: number): Decision {
  const decision = sandbox.policy.decide(host, port);
  const [rule] = decision.allowed ? sandbox.rules.rulesFor(host, port) : [];
  return rule
    ? { allowed: false, rule: rule.text, reason: "This host has request rules, so only HTTP requests may go to it." }
    : decision;
}

import type { Duplex } from "node:stream";
import type { Dialled } from "../../dial/connect.ts";
import { denial } from "../../dial/error.ts";
import type { HostRef, Judgement } from "../../policy/mod.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { Refusal } from "../refusal.ts";
import { splice } from "../streams/splice.ts";
import type { Passage } from "./context.ts";
import type { RawGuard } from "./raw-guard.ts";

/** What bytes without a meaning that is known here go over. */
export interface RawConnection {
  guest: Duplex;
  upstream: Dialled;
  protocol: "tcp" | "tls";
  /** Whom it is for. */
  host: HostRef;
  guard: RawGuard;
  /** What else has to stay as it is for the connection to go on. */
  judge?(): Judgement;
}

/** Bytes without a meaning that is known here. Where request rules hold, only requests pass. */
export async function serveRaw(
  { flow, record }: Passage,
  { guest, upstream, protocol, host, guard, judge }: RawConnection,
): Promise<void> {
  const { sandbox, port } = flow;
  const { address, socket } = upstream;
  const judgeNow = () => {
    const judgement = judgeRaw(sandbox, host, port);
    return judgement.allowed ? (judge?.() ?? judgement) : judgement;
  };
  const { allowed, rule, reason } = judgeNow();
  if (!allowed) {
    guest.destroy();
    socket.destroy();
    return record.connection({ verdict: "denied", protocol, host, address, rule, reason });
  }
  const release = sandbox.hold(judgeNow, (why) => socket.destroy(denial(why)));
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

function judgeRaw(sandbox: Sandbox, host: HostRef, port: number): Judgement {
  const judgement = sandbox.policy.judge(host, port);
  const [rule] = judgement.allowed ? sandbox.rules.rulesFor(host, port) : [];
  return rule
    ? { allowed: false, rule: rule.text, reason: "Request rules are for this host, so only requests may go to it." }
    : judgement;
}

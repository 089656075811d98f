import type { Duplex, Transform } from "node:stream";
import type { HostRef } from "../policy/mod.ts";
import type { Dialled } from "./flow.ts";
import type { Passage } from "./passage.ts";
import { splice } from "./splice.ts";

/** Bytes without a meaning that is known here. Where request rules hold, only requests pass. */
export async function serveRaw({ flow, record }: Passage, guest: Duplex, upstream: Dialled, protocol: "tcp" | "tls", host: HostRef, guard: Transform | null = null): Promise<void> {
  const { tenant, port } = flow;
  const { address } = upstream;
  const [rule] = tenant.rules.rulesFor(host, port);
  if (rule) {
    guest.destroy();
    upstream.socket.destroy();
    return record.connection({ verdict: "denied", protocol, host, address, rule: rule.text, reason: "Request rules are for this host, so only requests may go to it." });
  }
  const { rule: allowedBy } = tenant.policy.judge(host, port);
  const { error, bytesUp, bytesDown } = await splice(guest, upstream.socket, { up: guard });
  await record.connection({ verdict: "allowed", protocol, host, address, rule: allowedBy, reason: error?.message ?? null, bytesUp, bytesDown });
}

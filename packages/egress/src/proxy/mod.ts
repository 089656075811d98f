export { authorityPem } from "./authority.ts";
export * from "./flow.ts";
import type { Flow, Shared } from "./flow.ts";
import { dialFailure } from "./flow.ts";
import { hostText } from "../policy/mod.ts";
import { pipeline } from "node:stream/promises";
export async function openShared(_dir: string, _config: unknown): Promise<Shared> { return {} as Shared; }
export async function serveFlow(flow: Flow, _shared: Shared): Promise<void> {
  const at = Date.now();
  const event = { kind: "connection" as const, at, durationMs: 0, verdict: "denied" as const, rule: null as string | null, reason: null as string | null, process: flow.process, protocol: "tcp" as const, host: hostText(flow.host), port: flow.port, address: null as string | null, bytesUp: 0, bytesDown: 0 };
  try {
    const { socket, address } = await flow.tenant.dial(flow.host, flow.port, flow.signal);
    const stream = flow.accept();
    await Promise.allSettled([pipeline(stream, socket), pipeline(socket, stream)]);
    await flow.tenant.report({ ...event, verdict: "allowed", address });
  } catch (error) {
    const { errno, rule, message } = dialFailure(error);
    flow.refuse(errno);
    await flow.tenant.report({ ...event, rule, reason: message });
  }
}

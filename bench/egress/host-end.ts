import type { BenchContext } from "../context.ts";
import type { Figures } from "../figures.ts";
import { percentile, rounded, summarize } from "../statistics.ts";
import { measureConnections } from "./connections.ts";
import { startGate } from "./gate.ts";
import { requestsOn } from "./requests.ts";
import type { Rig } from "./rig.ts";
import { measureStream } from "./stream.ts";
import { EVENTS } from "./upstream.ts";

/** Requests of each kind, alternating. */
const REQUESTS = 400;
const WARM_UP = 50;

/**
 * What the proxy costs without a machine: this process plays the guest, and for the processor time of bodies a program in Go does too.
 */
export async function measureEgressHostEnd(context: BenchContext, rig: Rig): Promise<Partial<Figures>> {
  return { ...(await measureTraffic(context, rig)), egress_tls_connections: await measureConnections(context, rig) };
}

/** Requests, events and bodies, on one connection through the proxy and one directly to the upstream. */
async function measureTraffic(context: BenchContext, rig: Rig): Promise<Partial<Figures>> {
  await using gate = await startGate(rig);
  const proxied = requestsOn(await gate.through(), gate.placeholder);
  const direct = requestsOn(await gate.directly(), gate.placeholder);
  for (let i = 0; i < WARM_UP; i++) await Promise.all([proxied("/"), direct("/")]);
  const samples = { proxied: [] as number[], direct: [] as number[] };
  for (let i = 0; i < context.times(REQUESTS); i++) {
    samples.proxied.push((await proxied("/")).ms);
    samples.direct.push((await direct("/")).ms);
  }
  const added = (part: number) => rounded(percentile(samples.proxied, part) - percentile(samples.direct, part));

  const delays: number[] = [];
  await proxied("/events", (chunk) => {
    for (const [, sent] of chunk.toString().matchAll(/data: (\d+)\n\n/g))
      delays.push(Number(process.hrtime.bigint() - BigInt(sent!)) / 1e6);
  });
  if (delays.length !== EVENTS) throw new Error(`${delays.length} of ${EVENTS} events came through the proxy`);

  return {
    egress_added: { p50: added(0.5), p95: added(0.95), n: samples.proxied.length },
    ...(await measureStream(context, rig, gate, { proxied, direct })),
    egress_first_byte: summarize(delays),
  };
}

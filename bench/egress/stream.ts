import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EgressProxies } from "@sandkeep/egress";
import type { BenchContext } from "../context.ts";
import type { Figures } from "../figures.ts";
import { cpuSeconds } from "../processes.ts";
import { percentile, rounded } from "../statistics.ts";
import type { Client, Taken } from "./client.ts";
import type { Gate } from "./gate.ts";
import type { Requests } from "./requests.ts";
import type { Rig } from "./rig.ts";

/** Transfers in each way, in turn. */
const ROUNDS = 3;
/** Size of a transfer, in megabytes; `--quick` makes it smaller. */
const BODY_MB = 512;
const WARM_UP_BYTES = 64_000_000;
const ID = "stream";

/** One connection through the proxy, and one straight to the upstream. */
interface Ways {
  proxied: Requests;
  direct: Requests;
}

/**
 * A body through the proxy and straight from the upstream, in turn, received by this process. Then the same with a program in Go, which costs less
 * than the proxy and whose streams are those of the guest's agent.
 */
export async function measureStream(
  context: BenchContext,
  rig: Rig,
  { proxy, dir, ca, spec, placeholder }: Gate,
  { proxied, direct }: Ways,
): Promise<Partial<Figures>> {
  const authorization = `Bearer ${placeholder}`;
  const socket = join(dir, ID);
  const caFile = `${socket}.pem`;
  await writeFile(caFile, ca);
  await using straight = await rig.client({ authorization });
  await using through = await rig.client({ authorization, caFile, through: socket });
  await proxy.attach(ID, socket, spec);
  for (const client of [straight, through]) await transfer(client, WARM_UP_BYTES);

  const bytes = context.times(BODY_MB) * 1_000_000;
  const taken = { straight: [] as Taken[], through: [] as Taken[] };
  const here = { straight: [] as { ms: number }[], through: [] as { ms: number }[] };
  const used = { here: 0, through: 0 };
  const counted = async <T>(key: keyof typeof used, transfer: () => Promise<T>): Promise<T> => {
    const before = usedBy(proxy);
    const result = await transfer();
    used[key] += usedBy(proxy) - before;
    return result;
  };
  const rounds = context.times(ROUNDS);
  for (let i = 0; i < rounds; i++) {
    context.progress.fraction(i / rounds);
    here.straight.push(await whole(direct, bytes));
    here.through.push(await counted("here", () => whole(proxied, bytes)));
    taken.straight.push(await transfer(straight, bytes));
    taken.through.push(await counted("through", () => transfer(through, bytes)));
  }
  proxy.detach(ID);

  const rate = (of: { ms: number }[]) =>
    percentile(
      of.map(({ ms }) => bytes / 1e3 / ms),
      0.5,
    );
  const perGigabyte = (seconds: number) => rounded(seconds / ((rounds * bytes) / 1e9));
  const clientSeconds = (of: Taken[]) => perGigabyte(of.reduce((sum, { cpuSeconds: used }) => sum + used, 0));
  context.note(
    `egress_stream: a program in Go received ${rounded(rate(taken.through))} MB/s, and ${rounded(rate(taken.straight))} straight from the upstream; the proxy used ${perGigabyte(used.through)} s of processor time per GB for it; it used ${clientSeconds(taken.through)} s of processor time per GB, and ${clientSeconds(taken.straight)} straight from the upstream`,
  );
  return {
    egress_stream_MBps: rounded(rate(here.through)),
    egress_straight_MBps: rounded(rate(here.straight)),
    egress_stream_ratio: rounded(rate(here.through) / rate(here.straight)),
    egress_stream_cpu_s_per_GB: perGigabyte(used.here),
  };
}

async function transfer(client: Client, bytes: number): Promise<Taken> {
  const taken = await client.fetch(`/big?bytes=${bytes}`);
  if (taken.bytes !== bytes) throw new Error(`${taken.bytes} of ${bytes} bytes came`);
  return taken;
}

async function whole(request: Requests, bytes: number): Promise<{ ms: number }> {
  const taken = await request(`/big?bytes=${bytes}`);
  if (taken.bytes !== bytes) throw new Error(`${taken.bytes} of ${bytes} bytes came`);
  return taken;
}

/** Processor time of all the proxy's processes, in seconds. */
function usedBy(proxy: EgressProxies): number {
  return proxy.pids.reduce((sum, pid) => sum + (cpuSeconds(pid) ?? 0), 0);
}

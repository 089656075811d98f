import type { Sandbox } from "sandkeep";
import type { BenchContext } from "../context.ts";
import type { Figures } from "../figures.ts";
import { pssBytes } from "../processes.ts";
import { percentile, rounded, summarize } from "../statistics.ts";
import { PLAIN_NAME } from "./rig.ts";
import { UPSTREAM_NAME } from "./upstream.ts";

const NEW = 30;
const KEPT = 100;
const DOWNLOADS = 3;
const DOWNLOAD_BYTES = 50_000_000;
const CONNECTIONS = 2_000;
/** Requests of another sandbox before the connections are opened and while they are held. */
const NEIGHBOUR_REQUESTS = 40;

/** Opens connections, sends a request on each, and holds them until its input ends. */
const HOLDER = `
import asyncio, sys
async def one(gate):
    async with gate:
        reader, writer = await asyncio.open_connection("${PLAIN_NAME}", 80)
        writer.write(b"GET / HTTP/1.1\\r\\nHost: ${PLAIN_NAME}\\r\\n\\r\\n")
        status = await reader.readline()
        while (await reader.readline()) != b"\\r\\n": pass
        await reader.readexactly(2)
        return (status.startswith(b"HTTP/1.1 200"), writer)
async def main():
    gate = asyncio.Semaphore(64)
    results = await asyncio.gather(*(one(gate) for _ in range(int(sys.argv[1]))), return_exceptions=True)
    print(sum(1 for r in results if isinstance(r, tuple) and r[0]), flush=True)
    await asyncio.get_event_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
`;

/** How code in a machine experiences the proxy. */
export async function measureEgressGuestEnd(context: BenchContext): Promise<Partial<Figures>> {
  const allowNet = [UPSTREAM_NAME, PLAIN_NAME];
  await using sandbox = await context.create({ allowNet });
  const url = `https://${UPSTREAM_NAME}/`;
  await times(sandbox, [url, url]);
  const fresh: number[] = [];
  for (let i = 0; i < context.times(NEW); i++) fresh.push(...(await times(sandbox, [url])));
  // curl reuses its connection for its next argument.
  const kept = (
    await times(
      sandbox,
      Array.from({ length: context.times(KEPT) + 1 }, () => url),
    )
  ).slice(1);
  const rates: number[] = [];
  for (let i = 0; i < context.times(DOWNLOADS); i++) {
    const [ms] = await times(sandbox, [`${url}big?bytes=${DOWNLOAD_BYTES}`]);
    rates.push(DOWNLOAD_BYTES / 1e3 / ms!);
  }
  return {
    egress_guest_new: summarize(fresh),
    egress_guest_kept: summarize(kept),
    egress_guest_download_MBps: rounded(percentile(rates, 0.5)),
    egress_connections: await manyConnections(context, sandbox, allowNet),
  };
}

/** How long each request takes, as measured by curl from before name resolution to the last byte, in milliseconds. */
async function times(sandbox: Sandbox, urls: string[]): Promise<number[]> {
  const args = urls.flatMap((url) => ["-o", "/dev/null", url]);
  const child = await sandbox.spawn("curl", {
    args: ["-s", "-f", "-w", "%{time_total}\\n", ...args],
    stdout: "piped",
    stderr: "piped",
  });
  const { status, stdoutText } = await child.output();
  if (!status.success) throw new Error(`curl ended with ${status.code} in the sandbox`);
  return (stdoutText ?? "")
    .trim()
    .split("\n")
    .map((seconds) => Number(seconds) * 1_000);
}

async function manyConnections(
  context: BenchContext,
  sandbox: Sandbox,
  allowNet: string[],
): Promise<Figures["egress_connections"]> {
  await using neighbour = await context.create({ allowNet });
  const url = `https://${UPSTREAM_NAME}/`;
  const urls = Array.from({ length: NEIGHBOUR_REQUESTS + 1 }, () => url);
  const quiet = (await times(neighbour, urls)).slice(1);
  const measure = () => ({
    host: pssBytes([...(context.server === undefined ? [] : [context.server]), ...context.proxies()]),
    machines: pssBytes(context.processes?.() ?? []),
  });
  const before = measure();
  const total = context.times(CONNECTIONS);
  await sandbox.fs.writeTextFile("/tmp/holder.py", HOLDER);
  await using holder = await sandbox.spawn("python3", {
    args: ["/tmp/holder.py", String(total)],
    stdin: "piped",
    stdout: "piped",
  });
  const { value } = await holder.stdout!.pipeThrough(new TextDecoderStream()).getReader().read();
  const after = measure();
  const beside = (await times(neighbour, urls)).slice(1);
  return {
    ok: Number(value),
    memory_MB: rounded((after.host - before.host) / 1e6),
    machine_MB: rounded((after.machines - before.machines) / 1e6),
    neighbour_before_p95: rounded(percentile(quiet, 0.95)),
    neighbour_beside_p95: rounded(percentile(beside, 0.95)),
  };
}

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import { table } from "@sandkeep/cli";
import { type BenchContext, timed } from "./context.ts";
import type { Rig } from "./egress/rig.ts";
import { UPSTREAM_NAME } from "./egress/upstream.ts";
import type { Computer, Figures } from "./figures.ts";
import { rounded } from "./statistics.ts";

/** What each is called, in the order in which they are taken. */
export const MEASURED: Record<keyof Computer, { title: string; unit: string; digits: number }> = {
  first_touch_GBps: { title: "first use of memory", unit: "GB/s", digits: 2 },
  one_core_MBps: { title: "SHA-256 on one core", unit: "MB/s", digits: 0 },
  straight_MBps: { title: "TLS straight from the upstream", unit: "MB/s", digits: 0 },
  machine_loops_per_s: { title: "empty loops of bash in a machine", unit: "per s", digits: 0 },
};

const MEMORY_BYTES = 256 * 2 ** 20;
const PAGE_BYTES = 4_096;
/** 256 MiB in all, of which one piece fits into a core's own cache. */
const HASHED_BYTES = 64 * 1024;
const HASHED_PIECES = 4_096;
const BODY_BYTES = 256_000_000;
const WARM_UP_BYTES = 64_000_000;
/** Counts to a thousand until half a second has passed; prints how far it came and the microseconds. */
const LOOP = `
round() { for ((i = 0; i < 1000; i++)); do :; done; }
now() { t=\${EPOCHREALTIME/[.,]/}; }
round; now; start=$t; n=0
while ((t - start < 500000)); do round; ((n += 1000)); now; done
echo "$n $((t - start))"
`;

/** Each part takes less than a second or two; nothing else should run meanwhile. */
export async function measureComputer(context: BenchContext, rig: Rig | undefined): Promise<Computer> {
  return {
    first_touch_GBps: rig ? rounded(firstTouch()) : null,
    one_core_MBps: rig ? rounded(oneCore()) : null,
    straight_MBps: rig ? rounded(await straight(rig)) : null,
    machine_loops_per_s: Math.round(await machineLoops(context)),
  };
}

/** The table below the figures: what the computer gave before and after they were taken. */
export function computerTable({ before, after }: Figures["computer"], heading?: (text: string) => string): string {
  const rows = Object.entries(MEASURED).map(([key, { title, unit, digits }]) => [
    title,
    ...[before, after].map((then) => then[key as keyof Computer]?.toFixed(digits) ?? "–"),
    unit,
  ]);
  const columns = ["BEFORE", "AFTER"].map((title) => ({ title, align: "right" as const }));
  return table([{ title: "THIS COMPUTER" }, ...columns, { title: " " }], rows, heading);
}

function firstTouch(): number {
  // More than malloc keeps for itself, so it comes from the kernel, and goes back to it.
  const memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);
  const started = performance.now();
  for (let at = 0; at < memory.length; at += PAGE_BYTES) memory[at] = 1;
  const ms = performance.now() - started;
  memory.buffer.transfer(0);
  return MEMORY_BYTES / 1e6 / ms;
}

function oneCore(): number {
  const piece = Buffer.alloc(HASHED_BYTES, "sandkeep bench, ");
  const hash = createHash("sha256");
  const started = performance.now();
  for (let i = 0; i < HASHED_PIECES; i++) hash.update(piece);
  hash.digest();
  return (HASHED_BYTES * HASHED_PIECES) / 1e3 / (performance.now() - started);
}

/** With Node as the client too, unlike `egress_straight_MBps`. */
async function straight(rig: Rig): Promise<number> {
  const ca = await readFile(rig.caFile);
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, servername: UPSTREAM_NAME });
  const receive = async (bytes: number) => {
    const path = `/big?bytes=${bytes}`;
    const [response] = await once(get({ host: "127.0.0.1", port: rig.ports.https, path, agent }), "response");
    for await (const _ of response as AsyncIterable<Buffer>);
  };
  await receive(WARM_UP_BYTES);
  const ms = await timed(() => receive(BODY_BYTES));
  agent.destroy();
  return BODY_BYTES / 1e3 / ms;
}

async function machineLoops(context: BenchContext): Promise<number> {
  await using sandbox = await context.create();
  const output = await sandbox.sh`bash -c ${LOOP}`.text();
  const [loops, us] = output.split(" ").map(Number);
  return (loops! / us!) * 1e6;
}

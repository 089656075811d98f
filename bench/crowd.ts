import { availableParallelism } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import type { Sandbox } from "sandkeep";
import type { BenchContext } from "./context.ts";
import type { Figures } from "./figures.ts";
import { cpuSeconds, memoryAvailable, pssBytes } from "./processes.ts";
import { percentile, rounded } from "./statistics.ts";

const BURST = 20;
const CROWD = 50;
/** How long a new machine gets to settle before it counts as idle. */
const QUIET_MS = 5_000;

/** Twenty creates at once, each timed from the common start. */
export async function measureBurst(context: BenchContext): Promise<Partial<Figures>> {
  await context.untilReady();
  const started = performance.now();
  const created = await Promise.allSettled(
    Array.from({ length: BURST }, async () => {
      const sandbox = await context.create();
      return { sandbox, taken: performance.now() - started };
    }),
  );
  const ready = created.filter((outcome) => outcome.status === "fulfilled").map(({ value }) => value);
  explain(context, created);
  await Promise.all(ready.map(({ sandbox }) => sandbox.kill()));
  const times = ready.map(({ taken }) => taken);
  return { burst20: { ok: ready.length, p50: rounded(percentile(times, 0.5)), p95: rounded(percentile(times, 0.95)) } };
}

/**
 * Fifty sandboxes alive at the same time, each of which has run a command. Memory is the proportional set size of their
 * processes (shared pages are divided among the processes that share them) plus the growth of the server and its egress
 * proxy. Processor time is what their processes use while idle. The warm pool does not count.
 */
export async function measureDensity(context: BenchContext): Promise<Partial<Figures>> {
  await context.untilReady();
  const { processes, proxies, server } = context;
  const serverPss = () => pssBytes(server ? [server, ...proxies()] : []);
  const before = { server: serverPss(), available: memoryAvailable() };
  const sandboxes: Sandbox[] = [];
  try {
    await crowd(context, sandboxes);
    const answers = await Promise.allSettled(sandboxes.map((sandbox) => sandbox.sh`echo alive`.text()));
    explain(context, answers);
    const ok = answers.filter((answer) => answer.status === "fulfilled" && answer.value === "alive\n").length;
    if (!processes || ok === 0) return { density50: { ok, memory_MB_each: null, idle_cpu_percent_each: null } };

    // The fifty came from the warm pool; the computer is not quiet until the pool is full again.
    await context.untilReady();
    await wait(QUIET_MS);
    context.progress.fraction(0.75, "watching idle machines");
    const used = await cpuUsed(processes(), context.settleMs);
    const memory = pssBytes([...used.keys()]);
    const grown = serverPss() - before.server;
    const crossCheck = (before.available - memoryAvailable()) / ok / 1e6;
    context.note(`density50: the whole computer's available memory fell by ${crossCheck.toFixed(1)} MB for each`);

    const cores = [...used.values()].reduce((sum, each) => sum + each, 0);
    return {
      density50: {
        ok,
        memory_MB_each: rounded((memory + grown) / ok / 1e6),
        idle_cpu_percent_each: rounded((cores / ok) * 100),
      },
    };
  } finally {
    await Promise.allSettled(sandboxes.map((sandbox) => sandbox.kill()));
  }
}

/** Creates the fifty, one at a time per processor. */
async function crowd(context: BenchContext, sandboxes: Sandbox[]): Promise<void> {
  let begun = 0;
  const worker = async () => {
    while (begun < CROWD) {
      begun++;
      sandboxes.push(await context.create());
      context.progress.fraction(sandboxes.length / CROWD / 2);
    }
  };
  explain(context, await Promise.allSettled(Array.from({ length: availableParallelism() }, worker)));
}

/** Processor time that each process uses over a while, in cores. Processes that end meanwhile are left out. */
async function cpuUsed(pids: number[], forMs: number): Promise<Map<number, number>> {
  const earlier = new Map(pids.map((pid) => [pid, cpuSeconds(pid)]));
  const started = performance.now();
  await wait(forMs);
  const passed = (performance.now() - started) / 1_000;
  const used = new Map<number, number>();
  for (const [pid, then] of earlier) {
    const now = cpuSeconds(pid);
    if (then !== undefined && now !== undefined) used.set(pid, (now - then) / passed);
  }
  return used;
}

function explain(context: BenchContext, outcomes: PromiseSettledResult<unknown>[]): void {
  const reasons = new Set(
    outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => String(reason)),
  );
  for (const reason of reasons) context.note(`failed: ${reason}`);
}

import { availableParallelism } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import type { Sandbox } from "sandkeep";
import type { BenchContext } from "./context.ts";
import type { Figures } from "./figures.ts";
import { cpuSeconds, memoryAvailable, pssBytes } from "./processes.ts";
import { percentile, rounded } from "./statistics.ts";

const BURST = 20;
const CROWD = 50;
/** What machines do when they were just created is not idleness: they get this long to become quiet. */
const QUIET_MS = 5_000;

/** Twenty creates at once, each timed from the common beginning. */
export async function measureBurst(context: BenchContext): Promise<Partial<Figures>> {
  const started = performance.now();
  const created = await Promise.allSettled(Array.from({ length: BURST }, async () => {
    const sandbox = await context.create();
    return { sandbox, taken: performance.now() - started };
  }));
  const ready = created.filter((outcome) => outcome.status === "fulfilled").map(({ value }) => value);
  explain(context, created);
  await Promise.all(ready.map(({ sandbox }) => sandbox.kill()));
  const times = ready.map(({ taken }) => taken);
  return { burst20: { ok: ready.length, p50: rounded(percentile(times, 0.5)), p95: rounded(percentile(times, 0.95)) } };
}

/**
 * Fifty sandboxes alive at the same time, each having run a command. Memory is what the processes of server and machines have
 * more than before (proportional set size, so what they share counts once); processor time is what the machines use when nobody
 * asks anything of them, less what those that wait ahead of demand used before.
 */
export async function measureDensity(context: BenchContext): Promise<Partial<Figures>> {
  await wait(QUIET_MS);
  const { processes, server } = context;
  const all = () => [...processes?.() ?? [], ...(server ? [server] : [])];
  const before = processes && { pss: pssBytes(all()), available: memoryAvailable(), cpu: await cpuRate(processes, context.settleMs) };

  const sandboxes: Sandbox[] = [];
  try {
    const created = await Promise.allSettled(Array.from({ length: availableParallelism() }, async () => {
      while (sandboxes.length < CROWD) {
        const sandbox = await context.create();
        sandboxes.push(sandbox);
        context.progress.fraction(sandboxes.length / CROWD / 2);
      }
    }));
    explain(context, created);
    // Workers side by side may make one too many each.
    await Promise.all(sandboxes.splice(CROWD).map((sandbox) => sandbox.kill()));
    const answers = await Promise.allSettled(sandboxes.map((sandbox) => sandbox.sh`echo alive`.text()));
    explain(context, answers);
    const ok = answers.filter((answer) => answer.status === "fulfilled" && answer.value === "alive\n").length;
    if (!before || !processes || ok === 0) return { density50: { ok, memory_MB_each: null, idle_cpu_percent_each: null } };

    // Some of the fifty waited ahead of demand before: only when as many wait again is the difference all theirs.
    await context.untilReady();
    await wait(QUIET_MS);
    context.progress.fraction(0.75, "watching idle machines");
    const cpu = await cpuRate(processes, context.settleMs);
    const memory = (pssBytes(all()) - before.pss) / ok / 1e6;
    const crossCheck = (before.available - memoryAvailable()) / ok / 1e6;
    context.note(`density50: the whole computer's available memory fell by ${crossCheck.toFixed(1)} MB for each`);
    return {
      density50: { ok, memory_MB_each: rounded(memory), idle_cpu_percent_each: rounded(Math.max(0, cpu - before.cpu) / ok * 100) },
    };
  } finally {
    await Promise.allSettled(sandboxes.map((sandbox) => sandbox.kill()));
  }
}

/** Processor time that the machines use, in cores, watched for a while. Processes that come or go meanwhile do not count. */
async function cpuRate(processes: () => number[], forMs: number): Promise<number> {
  const first = new Map(processes().map((pid) => [pid, cpuSeconds(pid)]));
  const started = performance.now();
  await wait(forMs);
  const passed = (performance.now() - started) / 1_000;
  let used = 0;
  for (const [pid, earlier] of first) {
    const now = cpuSeconds(pid);
    if (earlier !== undefined && now !== undefined) used += now - earlier;
  }
  return used / passed;
}

function explain(context: BenchContext, outcomes: PromiseSettledResult<unknown>[]): void {
  const reasons = new Set(outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => String(reason)));
  for (const reason of reasons) context.note(`failed: ${reason}`);
}

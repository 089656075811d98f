import type { Progress } from "@sandkeep/cli";
import type { Sandbox } from "sandkeep";
import type { Rig } from "./egress/rig.ts";

/** What a measurement gets. */
export interface BenchContext {
  /** Creates a sandbox on the server that is measured. */
  create(options?: { allowNet: string[] }): Promise<Sandbox>;
  /** Repetitions: the full number, or with `--quick` a small one. */
  times(full: number): number;
  progress: Progress;
  /** Processes of the machines, on this computer; undefined when the server is elsewhere. */
  processes: (() => number[]) | undefined;
  /** The server's own process, whose memory grows with its sandboxes, too. */
  server: number | undefined;
  /** The server's egress proxy, if the server is here. */
  proxies: () => number[];
  /** What the measurements of egress speak to. @throws when the server is elsewhere, and does not know it */
  rig(): Rig;
  /** How long idle machines are watched, milliseconds. */
  settleMs: number;
  /** Waits until as many machines as the server likes to have wait ahead of demand. */
  untilReady(): Promise<void>;
  /** A remark for the reader of the table. */
  note(text: string): void;
}

/** Runs something a number of times and gives how long each took, milliseconds. */
export async function repeat(context: BenchContext, times: number, once: () => Promise<number>): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < times; i++) {
    context.progress.fraction(i / times);
    samples.push(await once());
  }
  return samples;
}

/** How long something takes, milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

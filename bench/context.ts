import type { Progress } from "@sandkeep/cli";
import type { Image } from "@sandkeep/host";
import type { NewMachines, OwnHost, PausedMachine } from "@sandkeep/host/testing";
import type { Sandbox } from "sandkeep";
import type { Rig } from "./egress/rig.ts";

/** What a measurement works with. */
export interface BenchContext {
  /** Creates a sandbox on the server that is measured. */
  create(options?: { allowNet: string[] }): Promise<Sandbox>;
  /** How often to repeat: the full number, or a small one with `--quick`. */
  times(full: number): number;
  progress: Progress;
  /** Starts a machine like those in the server's warm pool, paused; undefined when the server runs elsewhere. */
  pausedMachine: (() => Promise<PausedMachine>) | undefined;
  /**
   * What a host in the bench's own process needs.
   * @throws when the server runs elsewhere
   */
  hostFiles(): { image: Image; templatesDir: string };
  /** Opens a host of the bench's own, with the server's templates. @throws when the server runs elsewhere */
  ownHost(): Promise<OwnHost>;
  /** Opens machines in new processes, made from the server's template. @throws when the server runs elsewhere */
  newMachines(): Promise<NewMachines>;
  /** The processes of the sandboxes' machines, when the server runs on this computer. */
  processes: (() => number[]) | undefined;
  /** The server's own process: its memory grows with its sandboxes too. */
  server: number | undefined;
  /** The server's egress proxies; empty when the server runs elsewhere. */
  proxies: () => number[];
  /**
   * The upstream that egress is measured with.
   * @throws when the server runs elsewhere, because it does not know this upstream
   */
  rig(): Rig;
  /** How long to watch idle machines, in milliseconds. */
  settleMs: number;
  /** Waits until the warm pool has what it should have. */
  untilReady(): Promise<void>;
  /** A note below the table. */
  note(text: string): void;
}

/** Runs something several times. Resolves to how long each took, in milliseconds. */
export async function repeat(context: BenchContext, times: number, once: () => Promise<number>): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < times; i++) {
    context.progress.fraction(i / times);
    samples.push(await once());
  }
  return samples;
}

/** How long something takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

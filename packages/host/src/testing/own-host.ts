/** FOR TESTS ONLY: a host beside the server, with its templates, for what the server has no calls for. */
import { copyFile, mkdir, rm } from "node:fs/promises";
import { type Logger, silentLogger } from "@sandkeep/common";
import type { Host } from "../contract.ts";
import { layout } from "../layout.ts";
import { createHost } from "../local/create-host.ts";
import type { HostOptions } from "../local/options.ts";
import { OWNER } from "./host-suite.ts";

/** Interval between looks at the warm pool, milliseconds. */
const LOOK_MS = 200;
/** How long the warm pool may take: it makes machines in the background, after the server's. */
const SETTLE_MS = 60_000;
/** Longer than any step of the pool takes, milliseconds: heating a clone, emulated. */
const STEP_MS = 5_000;
/** Memory for its warm pool, in MiB. */
const AHEAD_MIB = 700;

export interface OwnHost extends AsyncDisposable {
  host: Host;
  /** How long the processes of machines that were forked stood still, in milliseconds. */
  paused: number[];
  /** Waits until the warm pool has all that it should have: filling it takes processors from what is measured. */
  settle(): Promise<void>;
}

export interface OwnHostOptions extends Pick<HostOptions, "image" | "dataDir"> {
  templatesDir: string;
  /** File with the frequency of the time stamp counter with which the templates were made. */
  frequency: string;
}

export async function startOwnHost({ frequency, ...options }: OwnHostOptions): Promise<OwnHost> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  await copyFile(frequency, layout(options.dataDir).frequency);
  const paused: number[] = [];
  const log: Logger = Object.assign(Object.create(silentLogger), {
    debug: ({ stoodStillMs }: { stoodStillMs?: number }) =>
      void (stoodStillMs !== undefined && paused.push(stoodStillMs)),
  });
  const host = await createHost({ ...options, log, aheadMemoryMiB: AHEAD_MIB });
  await host.adopt(OWNER, []);
  await host.ready();
  const waiting = async () => (await host.info()).waiting;
  type Waiting = Awaited<ReturnType<typeof waiting>>;
  /** Resolves when this holds, or a minute later. */
  const until = async (holds: (now: Waiting) => boolean) => {
    for (let waited = 0; waited < SETTLE_MS; waited += LOOK_MS) {
      if (holds(await waiting())) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  };
  /** What it should have is what it has when that has not changed for longer than a step takes. */
  const findFull = async () => {
    let full = await waiting();
    let since = performance.now();
    await until((now) => {
      if (JSON.stringify(now) !== JSON.stringify(full)) [full, since] = [now, performance.now()];
      return full.processes > 0 && full.clones > 0 && performance.now() - since > STEP_MS;
    });
    return full;
  };
  let full: Promise<Waiting> | undefined;
  return {
    host,
    paused,
    async settle() {
      const { clones, hot, processes } = await (full ??= findFull());
      await until((now) => now.clones >= clones && now.hot >= hot && now.processes >= processes);
    },
    async [Symbol.asyncDispose]() {
      await host.close();
      await rm(options.dataDir, { recursive: true, force: true });
    },
  };
}

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
/** Memory for its warm pool, in MiB. */
const AHEAD_MIB = 700;

export interface OwnHost extends AsyncDisposable {
  host: Host;
  /** How long machines were paused to be forked, in milliseconds. */
  paused: number[];
  /** Waits until the warm pool has a process, a clone, and no more to do. */
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
    debug: (fields: { pausedMs?: number }) => void (fields.pausedMs !== undefined && paused.push(fields.pausedMs)),
  });
  const host = await createHost({ ...options, log, aheadMemoryMiB: AHEAD_MIB });
  await host.adopt(OWNER, []);
  await host.ready();
  const waiting = async () => (await host.info()).waiting;
  return {
    host,
    paused,
    async settle() {
      for (let waited = 0; waited < SETTLE_MS; waited += LOOK_MS) {
        const before = await waiting();
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        const now = await waiting();
        if (now.processes > 0 && now.clones > 0 && JSON.stringify(before) === JSON.stringify(now)) return;
      }
    },
    async [Symbol.asyncDispose]() {
      await host.close();
      await rm(options.dataDir, { recursive: true, force: true });
    },
  };
}

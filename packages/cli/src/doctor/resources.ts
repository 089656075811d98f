import { mkdir, readFile, statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { formatBytes } from "../values/bytes.ts";
import type { Check, Finding } from "./check.ts";

/** Enough for a template's memory file and one machine, in bytes. With less, even a single sandbox may not start. */
const LEAST_MEMORY = 1.5 * 2 ** 30;
/** Enough for several sandboxes at a time, in bytes. */
const GOOD_MEMORY = 4 * 2 ** 30;
/** Measured memory of one more sandbox, in bytes; see docs/performance.md. */
const SANDBOX_MEMORY = 55 * 2 ** 20;
/** Enough for an image, a template and the disks of several sandboxes, in bytes. */
const LEAST_DISK = 3 * 2 ** 30;
const GOOD_DISK = 12 * 2 ** 30;

/** Processors, memory and disk. */
export const checkResources: Check = async ({ dataDir }) => {
  const cores = availableParallelism();
  const available = await availableMemory();
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const disk = await statfs(dataDir);
  const free = disk.bavail * disk.bsize;
  return [
    { name: "processors", verdict: "ok", detail: String(cores) },
    memory(available),
    {
      name: "disk",
      verdict: free < LEAST_DISK ? "fail" : free < GOOD_DISK ? "warn" : "ok",
      detail: `${formatBytes(free)} free in ${dataDir}`,
      ...(free < GOOD_DISK && {
        repair: "make room (`sandkeep image prune`), or set SANDKEEP_DATA_DIR to a larger disk",
      }),
    },
  ];
};

function memory(available: number): Finding {
  const sandboxes = Math.max(0, Math.floor((available - LEAST_MEMORY) / SANDBOX_MEMORY));
  return {
    name: "memory",
    verdict: available < LEAST_MEMORY ? "fail" : available < GOOD_MEMORY ? "warn" : "ok",
    detail: `${formatBytes(available)} available, enough for about ${sandboxes} idle sandboxes`,
    ...(available < GOOD_MEMORY && { repair: "end other programs, or use a machine with more memory" }),
  };
}

async function availableMemory(): Promise<number> {
  const kib = /^MemAvailable:\s+(\d+)/m.exec(await readFile("/proc/meminfo", "utf8").catch(() => ""))?.[1];
  return Number(kib ?? 0) * 1_024;
}

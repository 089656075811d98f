/**
 * The frequency of the processor's time stamp counter. An emulated guest sees the host's counter, and its kernel
 * calibrates it against an emulated timer. On a busy host that fails, and the guest hangs in its first second. So the
 * frequency is measured here and passed to the kernel (`tsc_early_khz`).
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { writeFileAtomically } from "@sandkeep/common";

/**
 * Measurements differ by about a millionth. Within this tolerance the previous value is kept, because templates depend
 * on it.
 */
const TOLERANCE = 1e-4;

const run = promisify(execFile);

/**
 * @param agent the program that measures
 * @param remembered file with the value of an earlier measurement
 * @returns ticks in a millisecond
 */
export async function tscFrequencyKHz(agent: string, remembered: string): Promise<number> {
  const { stdout } = await run(agent, ["-tsc-frequency"]);
  const measured = Number(stdout.trim());
  if (!Number.isInteger(measured) || measured <= 0)
    throw new Error(`${agent} measured a frequency of "${stdout.trim()}".`);
  const before = Number(await readFile(remembered, "utf8").catch(() => ""));
  if (Math.abs(measured - before) <= measured * TOLERANCE) return before;
  await writeFileAtomically(remembered, String(measured));
  return measured;
}

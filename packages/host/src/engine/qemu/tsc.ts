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
 * Measurements differ by about a millionth. Within this tolerance a previous value is kept, because templates and paused
 * machines depend on it.
 */
const TOLERANCE = 1e-4;

const run = promisify(execFile);

/**
 * @param agent the program that measures
 * @param remembered files with the values of earlier measurements, the first of which that still fits counts: the host's
 *   own, and that of the hosts with which it shares templates
 * @returns ticks in a millisecond
 */
export async function tscFrequencyKHz(agent: string, remembered: readonly string[]): Promise<number> {
  const { stdout } = await run(agent, ["-tsc-frequency"]);
  const measured = Number(stdout.trim());
  if (!Number.isInteger(measured) || measured <= 0)
    throw new Error(`${agent} measured a frequency of "${stdout.trim()}".`);
  const fits = (kHz: number) => Math.abs(measured - kHz) <= measured * TOLERANCE;
  const before = await Promise.all(
    remembered.map(async (file) => Number(await readFile(file, "utf8").catch(() => ""))),
  );
  const frequency = before.find(fits) ?? measured;
  for (const [n, file] of remembered.entries())
    if (!fits(before[n]!)) await writeFileAtomically(file, String(frequency));
  return frequency;
}

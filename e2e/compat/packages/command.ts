import { execFile } from "node:child_process";

/** Time limit for a download, in milliseconds. */
const TIMEOUT_MS = 180_000;
/** Most output of a tool, in bytes. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Runs a tool on this computer. @returns its output; throws with its output if it fails */
export function tool(
  file: string,
  args: string[],
  { cwd, env }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${file} ${args.join(" ")}: ${error.message}\n${stderr}`));
      else resolve(stdout);
    });
  });
}

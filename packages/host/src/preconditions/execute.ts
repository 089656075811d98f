import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** A check waits this long for a program; `bwrap` and `unshare` answer in milliseconds. */
const PROGRAM_TIMEOUT_MS = 10_000;
/** Enough of a program's words for a version or an error. */
const OUTPUT_BYTES = 64 * 1024;

/** The file that PATH gives for a program. */
export async function which(program: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const dir of (env.PATH ?? "").split(delimiter)) {
    if (!dir) continue;
    const file = join(dir, program);
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

/** Runs a program and gives its exit code (null: it did not run or was ended) and what it said on both outputs. */
export function execute(
  file: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve) => {
    // Not spawn's own timeout, which outlives a program that could not be started.
    const child = spawn(file, args, {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      signal: AbortSignal.any([signal, AbortSignal.timeout(PROGRAM_TIMEOUT_MS)]),
    });
    let text = "";
    const add = (chunk: Buffer) => text.length < OUTPUT_BYTES && (text += chunk.toString());
    child.stdout.on("data", add);
    child.stderr.on("data", add);
    child.on("error", (error) => resolve({ code: null, text: error.message }));
    child.on("close", (code) => resolve({ code, text: text.trim() }));
  });
}

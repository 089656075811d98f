import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** How long a check waits for a program; `bwrap` and `unshare` answer in milliseconds. */
const PROGRAM_TIMEOUT_MS = 10_000;
/** Limit on a program's output: enough for a version or an error. */
const OUTPUT_BYTES = 64 * 1024;

/** Finds a program in PATH. */
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

/** Runs a program and returns its exit code (null: it did not run or was killed) and both outputs. */
export function execute(
  file: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve) => {
    // Not spawn's own timeout, which stays active if the program could not be started.
    const child = spawn(file, args, {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      signal: AbortSignal.any([signal, AbortSignal.timeout(PROGRAM_TIMEOUT_MS)]),
    });
    let text = "";
    const add = (chunk: Buffer) => text.length < OUTPUT_BYTES && (text += chunk.toString());
    child.on("error", (error) => resolve({ code: null, text: error.message }));
    // If descriptors have run out, it has no streams.
    child.stdout?.on("data", add);
    child.stderr?.on("data", add);
    child.on("close", (code) => resolve({ code, text: text.trim() }));
  });
}

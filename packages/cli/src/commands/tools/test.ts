import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Invocation } from "../../tree/spec.ts";

const GROUPS = ["static", "go", "unit", "e2e"] as const;

/** `sandkeep test`: the runner is a program of the repository's own, beside the sources it tests. */
export async function run({
  args: [paths],
  options,
}: Invocation<Partial<Record<(typeof GROUPS)[number], boolean>>>): Promise<number> {
  const root = new URL("../../../../../", import.meta.url);
  const groups = GROUPS.filter((group) => options[group]).map((group) => `--${group}`);
  const runner = fileURLToPath(new URL("scripts/test/main.ts", root));
  const child = spawn(process.execPath, [...process.execArgv, runner, ...groups, ...(paths as string[])], {
    stdio: "inherit",
  });
  // ^C reaches the runner by itself; it ends in its own way, and this after it.
  const ignore = () => {};
  const pass = () => void child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", pass);
  return await new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (code) => resolve(code ?? 1));
  });
}

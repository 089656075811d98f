import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Invocation } from "../../tree/spec.ts";

const GROUPS = ["static", "go", "unit", "e2e"] as const;

/** `sandkeep test`: runs the test runner in the repository's `scripts/`. */
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
  // The runner gets ^C itself and ends cleanly; this process ends after it.
  const ignore = () => {};
  const pass = () => void child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", pass);
  return await new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (code) => resolve(code ?? 1));
  });
}

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** A first build compiles the agent's libraries, too, on whatever machine this is. Milliseconds. */
const BUILD_TIMEOUT_MS = 300_000;
const SOURCE = fileURLToPath(new URL("../../../../guest", import.meta.url));

/** Builds the guest agent for this machine. `dispose` removes it. */
export async function buildAgent(): Promise<{ path: string; dispose(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-agent-"));
  const path = join(dir, "agent");
  await promisify(execFile)("go", ["build", "-o", path, "./cmd/agent"], { cwd: SOURCE, timeout: BUILD_TIMEOUT_MS });
  return { path, dispose: () => rm(dir, { recursive: true, force: true }) };
}

let shared: ReturnType<typeof buildAgent> | null = null;

/** One build for all tests of a process, removed when it ends. */
export function sharedAgent(): ReturnType<typeof buildAgent> {
  if (!shared) {
    shared = buildAgent();
    process.once("beforeExit", () => void shared?.then(({ dispose }) => dispose()));
  }
  return shared;
}

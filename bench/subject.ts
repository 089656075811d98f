import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { CliError, type Target, whenReady } from "@sandkeep/cli";
import type { EgressConfig } from "@sandkeep/egress";

/** The server that is measured, and where to find its processes. */
export interface Subject extends AsyncDisposable {
  target: Target;
  /** Its data directory; undefined when it runs elsewhere. */
  dataDir: string | undefined;
  pid: number | undefined;
}

/** On a disk: if /tmp is in memory, the machines' disks would count as their memory. */
const PARENT = "/var/tmp";

/** Starts a server to measure, in its own data directory, with the usual images. */
export async function startSubject(images: string, egress: EgressConfig): Promise<Subject> {
  const dataDir = await mkdtemp(join(PARENT, "sandkeep-bench-"));
  const readyFile = join(dataDir, "ready.json");
  const configFile = join(dataDir, "config.json");
  const { hosts, caFiles } = egress;
  await writeFile(configFile, JSON.stringify({ dataDir, egress: { hosts, caFiles } }));
  const main = fileURLToPath(new URL("../packages/cli/src/main.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      main,
      "serve",
      "--background",
      "--config",
      configFile,
      "--images",
      images,
      "--port",
      "0",
      "--ready-file",
      readyFile,
      "--log-level",
      "warn",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const words = text(child.stderr);
  const ended = once(child, "exit");
  const target = await whenReady(child, dataDir, () =>
    existsSync(readyFile) ? (JSON.parse(readFileSync(readyFile, "utf8")) as Target) : undefined,
  );
  if (!target)
    throw new CliError("SERVER_FAILED", `the server to be measured did not start:\n${(await words).trim()}`, {
      hint: "see `sandkeep doctor`",
    });
  return {
    target,
    dataDir,
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await ended;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { TERMINAL } from "./terminal.ts";
import type { TestServer } from "./test-server.ts";

/** Options with which OpenSSH asks nobody anything, and uses no settings of this computer. */
export const OPTIONS = [
  "-F/dev/null",
  "-oStrictHostKeyChecking=no",
  "-oUserKnownHostsFile=/dev/null",
  "-oGlobalKnownHostsFile=/dev/null",
  "-oLogLevel=ERROR",
  "-oIdentitiesOnly=yes",
  "-oIdentityFile=none",
  "-oIdentityAgent=none",
  "-oBatchMode=yes",
];

/** FOR TESTS ONLY: how a client ended, and what it printed. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts `ssh`; `args` come before the destination, `command` after it. */
export function startSsh(
  { port }: Pick<TestServer, "port">,
  username: string,
  { args = [], command = [], env = {} }: { args?: string[]; command?: string[]; env?: Record<string, string> } = {},
): ChildProcessWithoutNullStreams {
  const where = ["-p", String(port), `${username}@127.0.0.1`];
  return spawn("ssh", [...OPTIONS, ...args, ...where, ...command], { env: { ...process.env, ...env } });
}

/** A client on a terminal, as people use it. */
export interface OnTerminal {
  child: ChildProcessWithoutNullStreams;
  /** Changes the size of its window. */
  resize(cols: number, rows: number): void;
}

/** Starts `ssh` on a terminal of 80 columns and 24 rows. */
export function startSshOnTerminal({ port }: Pick<TestServer, "port">, username: string, command: string): OnTerminal {
  const ssh = ["ssh", ...OPTIONS, "-tt", "-p", String(port), `${username}@127.0.0.1`, command];
  const child = spawn("python3", [TERMINAL, "80", "24", ...ssh], { stdio: ["pipe", "pipe", "pipe", "pipe"] });
  return {
    child: child as unknown as ChildProcessWithoutNullStreams,
    resize: (cols, rows) => (child.stdio[3] as Writable).write(`${cols} ${rows}\n`),
  };
}

/** Runs `ssh` with this input to its end. */
export async function runSsh(
  server: Pick<TestServer, "port">,
  username: string,
  options: Parameters<typeof startSsh>[2] & { input?: string | Uint8Array } = {},
): Promise<Ended> {
  const child = startSsh(server, username, options);
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  return await ended(child);
}

/** Waits for a client's end. */
export async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: child.exitCode, stdout, stderr };
}

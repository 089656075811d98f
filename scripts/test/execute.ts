import { type StdioOptions, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Time limit: the whole run should take less than 20 minutes. */
const PROGRAM_TIMEOUT_MS = 20 * 60_000;
/** Time between asking a hung program to end and killing it. */
const GRACE_MS = 5_000;
/** How long to wait for outputs to close after a program has ended. */
const OUTPUT_GRACE_MS = 1_000;

export interface ExecuteOptions {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** Receives every line of standard output, which is then not shown. */
  onLine?: (line: string) => void;
  /** Receives both outputs, which are then not shown. */
  onOutput?: (text: string) => void;
  timeoutMs?: number;
}

/** Runs a program and shows its output. @returns its exit code; null if it did not run, crashed or hung */
export function execute(
  file: string,
  args: string[],
  { cwd, env = process.env, onLine, onOutput, timeoutMs = PROGRAM_TIMEOUT_MS }: ExecuteOptions,
): Promise<number | null> {
  return new Promise((resolve) => {
    const stdio: StdioOptions = ["ignore", onLine || onOutput ? "pipe" : "inherit", onOutput ? "pipe" : "inherit"];
    // A process group of its own, so that a hung program can be killed with its children.
    const child = spawn(file, args, { cwd, env, stdio, detached: true });
    const toGroup = (signal: NodeJS.Signals) => {
      try {
        if (child.pid) process.kill(-child.pid, signal);
      } catch {
        // It is already gone.
      }
    };
    let grace: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      const text = `${file} did not end within ${timeoutMs / 1_000} s; ended it\n`;
      if (onOutput) onOutput(text);
      else process.stderr.write(text);
      toGroup("SIGTERM");
      grace = setTimeout(() => toGroup("SIGKILL"), GRACE_MS);
    }, timeoutMs);
    const forward = (signal: NodeJS.Signals) => {
      toGroup(signal);
      process.exitCode = 1;
    };
    process.on("SIGINT", forward).on("SIGTERM", forward);
    const finish = (code: number | null) => {
      clearTimeout(timer);
      clearTimeout(grace);
      process.off("SIGINT", forward).off("SIGTERM", forward);
      resolve(code);
    };
    if (onOutput) {
      for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding("utf8").on("data", onOutput);
    }
    if (onLine && child.stdout) createInterface({ input: child.stdout }).on("line", onLine);
    child.on("error", (error) => {
      console.error(`${file}: ${error.message}`);
      finish(null);
    });
    child.on("close", finish);
    // A process it left behind may keep its outputs open for ever.
    child.on("exit", (code) => setTimeout(finish, OUTPUT_GRACE_MS, code));
  });
}

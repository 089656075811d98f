import { type StdioOptions, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Whatever runs longer than this hangs: the whole run should take less than 20 minutes. */
const PROGRAM_TIMEOUT_MS = 20 * 60_000;
/** Between asking a program that hangs to end and making it. */
const GRACE_MS = 5_000;
/** Between the end of a program and no longer waiting for the end of its outputs. */
const OUTPUT_GRACE_MS = 1_000;

export interface ExecuteOptions {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** Given every line of standard output instead of showing it. */
  onLine?: (line: string) => void;
  /** Given what comes on both outputs instead of showing it. */
  onOutput?: (text: string) => void;
  timeoutMs?: number;
}

/** Runs a program, showing what it says. @returns its exit code; null when it did not run, died or hung */
export function execute(
  file: string,
  args: string[],
  { cwd, env = process.env, onLine, onOutput, timeoutMs = PROGRAM_TIMEOUT_MS }: ExecuteOptions,
): Promise<number | null> {
  return new Promise((resolve) => {
    const stdio: StdioOptions = ["ignore", onLine || onOutput ? "pipe" : "inherit", onOutput ? "pipe" : "inherit"];
    // A process group of its own, so that a program that hangs can be ended with all its children.
    const child = spawn(file, args, { cwd, env, stdio, detached: true });
    const toGroup = (signal: NodeJS.Signals) => {
      try {
        if (child.pid) process.kill(-child.pid, signal);
      } catch {
        // It is gone already.
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
    // Something it left behind may hold its outputs open for ever.
    child.on("exit", (code) => setTimeout(finish, OUTPUT_GRACE_MS, code));
  });
}

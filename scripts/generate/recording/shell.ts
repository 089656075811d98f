import { spawn } from "node:child_process";

/** A command as it was typed, what it printed, and how long it took. */
export interface Step {
  command: string;
  output: string;
  durationMs: number;
}

/**
 * Runs commands one after another in a single real bash, so that variables carry over. Standard error is captured in
 * place, as on a terminal.
 */
export async function recordShell(
  commands: string[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<Step[]> {
  const bash = spawn("bash", ["--norc", "--noprofile"], { cwd, env, stdio: ["pipe", "pipe", "inherit"] });
  const output = bash.stdout.setEncoding("utf8")[Symbol.asyncIterator]();
  const steps: Step[] = [];
  for (const command of commands) {
    const started = performance.now();
    // A NUL, which no program here prints, marks the end of a command's output.
    bash.stdin.write(`{ :\n${command}\n} 2>&1 </dev/null; printf '\\0'\n`);
    let text = "";
    while (!text.includes("\0")) {
      const { value, done } = await output.next();
      if (done) throw new Error(`bash ended during: ${command}\n${text}`);
      text += value;
    }
    steps.push({ command, output: text.replace("\0", "").trimEnd(), durationMs: performance.now() - started });
  }
  bash.stdin.end();
  return steps;
}

import type { Terminal } from "../output/terminal.ts";
import { reportError } from "../report-error.ts";

/** Does something with each of several names: tries all, reports each failure. */
export async function forEach(
  names: readonly string[],
  terminal: Terminal,
  work: (name: string) => Promise<unknown>,
): Promise<{ done: string[]; exitCode: number }> {
  const done: string[] = [];
  let exitCode = 0;
  for (const name of names) {
    try {
      await work(name);
      done.push(name);
    } catch (error) {
      exitCode ||= reportError(error, terminal);
    }
  }
  return { done, exitCode };
}

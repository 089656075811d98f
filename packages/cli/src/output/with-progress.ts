import type { Terminal } from "./terminal.ts";

/** Does one thing that may take a while, and shows that. */
export async function withProgress<Result>(
  terminal: Terminal,
  title: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const progress = terminal.progress();
  progress.step(title);
  try {
    const result = await work();
    progress.done();
    return result;
  } catch (error) {
    progress.fail();
    throw error;
  }
}

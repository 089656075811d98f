import type { CommandModule, Invocation } from "../../tree/spec.ts";

/** `sandkeep bench`: runs the measurements in the repository's `bench/`, on which nothing else here depends. */
export async function run(invocation: Invocation): Promise<number | void> {
  const program = new URL("../../../../../bench/run.ts", import.meta.url);
  const { run: measure } = (await import(program.href)) as CommandModule;
  return await measure(invocation);
}

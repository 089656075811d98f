import type { CommandModule, Invocation } from "../../tree/spec.ts";

/** `sandkeep bench`: the measurements stand in `bench/` of the repository, which nothing else here depends on. */
export async function run(invocation: Invocation): Promise<number | void> {
  const program = new URL("../../../../../bench/run.ts", import.meta.url);
  const { run: measure } = (await import(program.href)) as CommandModule;
  return await measure(invocation);
}

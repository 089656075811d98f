import { bashCompletion } from "../../completion/bash.ts";
import { fishCompletion } from "../../completion/fish.ts";
import { zshCompletion } from "../../completion/zsh.ts";
import { UsageError } from "../../errors.ts";
import type { CommandSpec, Invocation } from "../../tree/spec.ts";

const SHELLS: Record<string, (tree: CommandSpec) => string> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** `sandkeep completion <shell>` */
export async function run({ args: [shell], terminal, tree }: Invocation): Promise<void> {
  const script = SHELLS[String(shell)];
  if (!script)
    throw new UsageError(`no completion script for "${shell}"`, `supported shells: ${Object.keys(SHELLS).join(", ")}`);
  terminal.streams.stdout.write(script(tree));
}

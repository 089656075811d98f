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
    throw new UsageError(`there is no completion for "${shell}"`, `there is for ${Object.keys(SHELLS).join(", ")}`);
  terminal.streams.stdout.write(script(tree));
}

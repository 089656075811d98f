import type { CommandSpec } from "../tree/spec.ts";
import { type CompletionNode, type CompletionOption, completionNodes, fixedArguments } from "./words.ts";

/** A completion script for zsh. */
export function zshCompletion(root: CommandSpec): string {
  const nodes = completionNodes(root);
  return `#compdef sandkeep
# zsh completion for sandkeep. Use it with: sandkeep completion zsh > ~/.zfunc/_sandkeep

_sandkeep_ids() {
  local -a ids
  ids=(\${(f)"$(sandkeep complete-ids 2>/dev/null)"})
  _describe 'sandbox' ids
}

${nodes.map(nodeFunction).join("\n\n")}

if [[ $funcstack[1] == _sandkeep ]]; then
  _sandkeep "$@"
else
  compdef _sandkeep sandkeep
fi
`;
}

const functionOf = (words: string[]) => ["_sandkeep", ...words].join("_").replaceAll("-", "_");
const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const escapeColons = (text: string) => text.replace(/[:[\]]/g, "\\$&");

function nodeFunction(node: CompletionNode): string {
  const words = node.path.map(([name]) => name!);
  const options = node.options.map(optionSpec);
  if (node.commands.length === 0) {
    const what =
      node.spec.completes === "sandbox"
        ? "'*:sandbox:_sandkeep_ids'"
        : node.spec.completes === "file"
          ? "'*:file:_files'"
          : "";
    const fixed = fixedArguments(node.spec);
    const rest = fixed.length ? `'1:shell:(${fixed.join(" ")})'` : what;
    return `${functionOf(words)}() {\n  _arguments -s ${[...options, rest].filter(Boolean).join(" \\\n    ")}\n}`;
  }
  const commands = node.commands.map((c) => quote(`${c.name}:${escapeColons(c.summary)}`)).join("\n        ");
  const cases = node.commands
    .map((c) => `        ${[c.name, ...(c.aliases ?? [])].join("|")}) ${functionOf([...words, c.name])} ;;`)
    .join("\n");
  return `${functionOf(words)}() {
  local state line
  _arguments -C ${options.join(" \\\n    ")} \\
    '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      local -a commands=(
        ${commands}
      )
      _describe 'command' commands ;;
    argument)
      case $line[1] in
${cases}
      esac ;;
  esac
}`;
}

function optionSpec(option: CompletionOption): string {
  const action = option.choices.length ? `(${option.choices.join(" ")})` : option.takesPath ? "_files" : " ";
  const value = option.takesValue ? `:value:${action}` : "";
  return [option.short, option.long]
    .filter((name) => name !== undefined)
    .map((name) => quote(`*${name}[${escapeColons(option.description)}]${value}`))
    .join(" ");
}

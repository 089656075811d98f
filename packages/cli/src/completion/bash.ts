import type { CommandSpec } from "../tree/spec.ts";
import { type CompletionNode, completionNodes, fixedArguments } from "./words.ts";

/** A completion script for bash 4 and newer. */
export function bashCompletion(root: CommandSpec): string {
  const nodes = completionNodes(root);
  return `# bash completion for sandkeep. Use it with: source <(sandkeep completion bash)

_sandkeep() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path= word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -- ]] && return
    case "$path $word" in
${nodes
  .filter((n) => n.path.length)
  .map((n) => `      ${pathPatterns(n)}) path=${quote(pathOf(n))} ;;`)
  .join("\n")}
    esac
  done
  local words= value=
  case "$path" in
${nodes.map(nodeCase).join("\n")}
  esac
  case "$value" in
    path) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")) ;;
    any) ;;
    *) COMPREPLY=($(compgen -W "\${value:-$words}" -- "$current")) ;;
  esac
  if [[ $words == *'<file>'* && $current != -* ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _sandkeep sandkeep ./sandkeep
`;
}

const pathOf = (node: CompletionNode) => node.path.map(([name]) => ` ${name}`).join("");
const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The words that lead to a node from its parent. */
function pathPatterns(node: CompletionNode): string {
  const above = node.path
    .slice(0, -1)
    .map(([name]) => ` ${name}`)
    .join("");
  return node.path
    .at(-1)!
    .map((word) => quote(`${above} ${word}`))
    .join("|");
}

function nodeCase(node: CompletionNode): string {
  const values = node.options
    .filter((o) => o.takesValue)
    .map((option) => {
      const value = option.choices.length ? quote(option.choices.join(" ")) : option.takesPath ? "path" : "any";
      return `        ${[option.short, option.long].filter(Boolean).join("|")}) value=${value} ;;\n`;
    });
  const words = [
    ...node.commands.map((c) => c.name),
    ...fixedArguments(node.spec),
    ...node.options.flatMap((o) => [o.short, o.long]).filter((w) => w !== undefined),
    ...(node.spec.completes === "file" ? ["<file>"] : []),
  ].join(" ");
  // The server is only asked for ids when they are needed.
  const ids =
    node.spec.completes === "sandbox"
      ? `\n      [[ $current == -* || -n $value ]] || words+=" $("\${COMP_WORDS[0]}" complete-ids 2>/dev/null)"`
      : "";
  const cases = values.length ? `\n      case "$previous" in\n${values.join("")}      esac` : "";
  return `    ${quote(pathOf(node))})\n      words=${quote(words)}${cases}${ids} ;;`;
}

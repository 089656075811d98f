import type { CommandSpec } from "../tree/spec.ts";
import { type CompletionNode, completionNodes, fixedArguments } from "./words.ts";

/** A completion script for fish 3 and newer. */
export function fishCompletion(root: CommandSpec): string {
  const nodes = completionNodes(root);
  const groups = nodes
    .filter((node) => node.path.length > 0 && node.commands.length > 0)
    .flatMap((node) => node.path.at(-1)!);
  return `# fish completion for sandkeep. Use it with: sandkeep completion fish > ~/.config/fish/completions/sandkeep.fish

complete -c sandkeep -f
${nodes.flatMap((node) => nodeLines(node, groups)).join("\n")}
`;
}

const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function nodeLines(node: CompletionNode, groups: string[]): string[] {
  const condition = conditionOf(node, groups);
  const base = `complete -c sandkeep -n ${quote(condition)}`;
  const lines = node.commands.map((c) => `${base} -a ${c.name} -d ${quote(c.summary)}`);
  for (const option of node.options) {
    const value = option.choices.length
      ? ` -x -a ${quote(option.choices.join(" "))}`
      : option.takesPath
        ? " -r -F"
        : option.takesValue
          ? " -x"
          : "";
    lines.push(
      `${base}${option.short ? ` -s ${option.short.slice(1)}` : ""} -l ${option.long.slice(2)} -d ${quote(option.description)}${value}`,
    );
  }
  if (node.spec.completes === "sandbox") lines.push(`${base} -a '(sandkeep complete-ids 2>/dev/null)'`);
  if (node.spec.completes === "file") lines.push(`${base} -F`);
  for (const word of fixedArguments(node.spec)) lines.push(`${base} -a ${word}`);
  return lines;
}

function conditionOf(node: CompletionNode, groups: string[]): string {
  if (node.path.length === 0) return "__fish_use_subcommand";
  const seen = node.path.map((names) => `__fish_seen_subcommand_from ${names.join(" ")}`);
  const below = node.commands.flatMap((c) => [c.name, ...(c.aliases ?? [])]);
  // Names in groups, such as `list`, are also names of top-level commands.
  if (node.path.length === 1 && below.length === 0) seen.push(`not __fish_seen_subcommand_from ${groups.join(" ")}`);
  if (below.length) seen.push(`not __fish_seen_subcommand_from ${below.join(" ")}`);
  return seen.join("; and ");
}

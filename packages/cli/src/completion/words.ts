import { longName, optionsOf } from "../tree/common.ts";
import type { CommandSpec, OptionSpec } from "../tree/spec.ts";

/** A command for completion: its place in the tree, and what may follow it. */
export interface CompletionNode {
  /** The words that lead to it, each with its aliases: `[["token"], ["list", "ls"]]`. */
  path: string[][];
  spec: CommandSpec;
  commands: CommandSpec[];
  options: CompletionOption[];
}

export interface CompletionOption {
  short: string | undefined;
  long: string;
  description: string;
  takesValue: boolean;
  takesPath: boolean;
  choices: readonly string[];
}

/** The root and every visible command below it. */
export function completionNodes(root: CommandSpec): CompletionNode[] {
  const nodes: CompletionNode[] = [];
  const visit = (spec: CommandSpec, path: string[][]) => {
    const commands = (spec.commands ?? []).filter((sub) => !sub.hidden);
    nodes.push({
      path,
      spec,
      commands,
      options: [...(spec.load ? optionsOf(spec).map(describe) : []), help, ...(path.length ? [] : [versionOption])],
    });
    for (const sub of commands) visit(sub, [...path, [sub.name, ...(sub.aliases ?? [])]]);
  };
  visit(root, []);
  return nodes;
}

const help: CompletionOption = {
  short: "-h",
  long: "--help",
  description: "print this help",
  takesValue: false,
  takesPath: false,
  choices: [],
};
const versionOption: CompletionOption = {
  short: "-V",
  long: "--version",
  description: "print the version",
  takesValue: false,
  takesPath: false,
  choices: [],
};

function describe(option: OptionSpec): CompletionOption {
  const value = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1];
  return {
    short: /(?:^|\s)(-[a-zA-Z])\b/.exec(option.flags)?.[1],
    long: longName(option),
    description: option.description,
    // An optional value follows after `=` or as the next word; completing the next word as usual covers both.
    takesValue: value !== undefined,
    takesPath: value === "path" || value === "file",
    choices: option.choices ?? [],
  };
}

/** Known values of a command's arguments: the shells of `completion`. */
export function fixedArguments(spec: CommandSpec): string[] {
  return spec.args === "<shell>" ? ["bash", "zsh", "fish"] : [];
}

import type { Terminal } from "../output/terminal.ts";

/** One option of a command. */
export interface OptionSpec {
  /** As commander reads it: `-m, --memory <size>`. */
  flags: string;
  description: string;
  /** Turns the text into a value; throws `UsageError`. With `previous`, collects repetitions. */
  parse?: (text: string, previous: never) => unknown;
  default?: unknown;
  choices?: readonly string[];
}

/** What a command gets. */
export interface Invocation<O = unknown> {
  /** The arguments, in the order of the command's `args`; the last one is a list where the spec ends in `...`. */
  args: (string | string[] | undefined)[];
  options: O & CommonOptions;
  terminal: Terminal;
  env: NodeJS.ProcessEnv;
  /** All commands, for completion. */
  tree: CommandSpec;
}

/** Options that every command has. */
export interface CommonOptions {
  json?: boolean;
  quiet?: boolean;
  dataDir?: string;
  endpoint?: string;
  token?: string;
}

/** A command's module. Loaded only when the command is called, so that the others cost nothing. */
export interface CommandModule {
  /** @returns the exit code; none means 0. */
  // biome-ignore lint/suspicious/noExplicitAny: each command narrows its own options
  run(invocation: Invocation<any>): Promise<number | void>;
}

/** A command or a group of commands. */
export interface CommandSpec {
  name: string;
  aliases?: string[];
  /** As commander reads them: `<id> [command...]`. */
  args?: string;
  summary: string;
  /** Paragraphs for `--help`; the summary stands before them. */
  details?: string;
  options?: OptionSpec[];
  /** Command lines and what they do, for `--help`. */
  examples?: [line: string, what: string][];
  /** Which option's or argument's value is the id of a sandbox, for completion. */
  completes?: "sandbox" | "file";
  /** Everything after the first argument belongs to the command in the sandbox. */
  passThrough?: boolean;
  /** Whether it talks to a server, and so takes `--endpoint` and `--token`. */
  client?: boolean;
  hidden?: boolean;
  load?: () => Promise<CommandModule>;
  commands?: CommandSpec[];
}

import type { CommandSpec, OptionSpec } from "./spec.ts";

/** Options of every command. */
export const commonOptions: OptionSpec[] = [
  { flags: "--json", description: "print results and errors as JSON" },
  { flags: "-q, --quiet", description: "print only results and errors" },
  {
    flags: "--data-dir <path>",
    description: "where Sandkeep keeps its data (SANDKEEP_DATA_DIR, else ~/.local/share/sandkeep)",
  },
];

/** Options of every command that talks to a server. */
export const clientOptions: OptionSpec[] = [
  {
    flags: "--endpoint <url>",
    description: "the server to use (default: DENO_SANDBOX_ENDPOINT, else the one on this machine)",
  },
  { flags: "--token <token>", description: "the token for that server (default: DENO_DEPLOY_TOKEN)" },
];

/** The options that a command takes, its own first. One of its own stands in for a common one of the same long name. */
export function optionsOf(spec: CommandSpec): OptionSpec[] {
  const own = spec.options ?? [];
  const taken = new Set(own.map(longName));
  return [
    ...own,
    ...[...(spec.client ? clientOptions : []), ...commonOptions].filter((option) => !taken.has(longName(option))),
  ];
}

/** `--memory` of `-m, --memory <size>`. */
export function longName(option: OptionSpec): string {
  return /--[a-z-]+/.exec(option.flags)![0];
}

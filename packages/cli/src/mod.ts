/** The command line `sandkeep` as a library: its commands as data, and a way to run them. */

export { CliError, ExitCode, UsageError } from "./errors.ts";
export { type ProgramContext, runProgram } from "./program.ts";
export { optionsOf } from "./tree/common.ts";
export { root } from "./tree/root.ts";
export type { CommandSpec, OptionSpec } from "./tree/spec.ts";

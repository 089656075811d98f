/** The command line `sandkeep` as a library: its commands as data, and a way to run them. */
export { runProgram, type ProgramContext } from "./program.ts";
export { root } from "./tree/root.ts";
export { optionsOf } from "./tree/common.ts";
export type { CommandSpec, OptionSpec } from "./tree/spec.ts";
export { CliError, ExitCode, UsageError } from "./errors.ts";

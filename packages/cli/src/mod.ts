/**
 * The command line `sandkeep` as a library: its commands as data, a function to run them, and what `bench/` shares with
 * them.
 */

export { Api } from "./client/api.ts";
export { namedTarget, type Target } from "./client/target.ts";
export { CliError, ExitCode, UsageError } from "./errors.ts";
export type { Progress } from "./output/progress.ts";
export { table } from "./output/table.ts";
export { dataDirOf, imagesOf } from "./paths.ts";
export { type ProgramContext, runProgram } from "./program.ts";
export { prepareImage } from "./server/prepare-image.ts";
export { whenReady } from "./server/when-ready.ts";
export { optionsOf } from "./tree/common.ts";
export { root } from "./tree/root.ts";
export type { CommandSpec, Invocation, OptionSpec } from "./tree/spec.ts";

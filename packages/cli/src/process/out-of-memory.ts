import { MEMORY_MIB } from "@sandkeep/protocol";
import { CliError } from "../errors.ts";
import type { CommandEnd } from "./command.ts";

/** The error for a command that the kernel killed because memory ran out, which its exit code does not say. */
export function outOfMemory({ code, memoryMiB }: CommandEnd): CliError {
  const has = memoryMiB === undefined ? "" : `: the sandbox has ${memoryMiB} MiB`;
  const most = memoryMiB !== undefined && memoryMiB >= MEMORY_MIB.max;
  const more = Math.min(2 * (memoryMiB ?? MEMORY_MIB.default), MEMORY_MIB.max);
  const hint = most
    ? "that is the maximum; make the command use less"
    : `create the sandbox with more, such as --memory ${more}MiB`;
  return new CliError("OUT_OF_MEMORY", `the command ran out of memory${has}`, { hint, exitCode: code });
}

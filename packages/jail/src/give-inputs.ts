import type { ChildProcess } from "node:child_process";
import type { Writable } from "node:stream";
import type { Jail } from "./jail.ts";

/** Writes what a jail's command line reads from its pipes. @param firstDescriptor the plan's */
export function giveInputs(child: ChildProcess, jail: Jail, firstDescriptor: number): void {
  for (const [index, input] of jail.inputs.entries()) {
    const pipe = child.stdio[firstDescriptor + jail.descriptors.length + index] as Writable;
    // It may have failed before it read this.
    pipe.on("error", () => {}).end(input);
  }
}

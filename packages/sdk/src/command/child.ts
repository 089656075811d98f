import type { SandboxCommandResult } from "./result.ts";

const key = Symbol("command");

/** What the builder hands over about a running command. */
export interface RunningCommand {
  output(): Promise<SandboxCommandResult>;
}

/**
 * A command that {@linkcode SandboxCommandBuilder.spawn} has started.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const child = await sandbox.sh`echo one`.stdout("piped").spawn();
 * await sandbox.fs.writeTextFile("meanwhile.txt", "two");
 * assert.equal((await child.output()).stdoutText, "one\n");
 * ```
 */
export class SandboxCommandChild {
  readonly #command: RunningCommand;
  readonly #release: () => void;

  /** @internal */
  constructor(given: symbol, command: RunningCommand, release: () => void) {
    if (given !== key)
      throw new TypeError("SandboxCommandChild cannot be constructed directly: use sandbox.sh`…`.spawn()");
    this.#command = command;
    this.#release = release;
  }

  /** Waits until the command has ended. Does not reject when it failed: check `status`. */
  async output(): Promise<SandboxCommandResult> {
    try {
      return await this.#command.output();
    } finally {
      this.#release();
    }
  }
}

/** A started command. Calls `release` when it has ended. */
export function commandChild(command: RunningCommand, release: () => void): SandboxCommandChild {
  return new SandboxCommandChild(key, command, release);
}

import type { Connection } from "../transport/connection.ts";

/**
 * The environment of a sandbox. Every process that starts from now on has it, whoever starts the process.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create({ env: { GREETING: "hello" } });
 * await sandbox.env.set("NAME", "world");
 * assert.equal(await sandbox.sh`echo $GREETING $NAME`.text(), "hello world\n");
 * ```
 */
export interface SandboxEnv {
  /**
   * Gets the value of a variable; undefined when it is not set.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * assert.equal(await sandbox.env.get("HOME"), "/home/app");
   * assert.equal(await sandbox.env.get("NOT_SET"), undefined);
   * ```
   */
  get(key: string): Promise<string | undefined>;

  /** Sets a variable. */
  set(key: string, value: string): Promise<void>;

  /**
   * Gets all variables.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create({ env: { A: "1" } });
   * assert.equal((await sandbox.env.toObject()).A, "1");
   * ```
   */
  toObject(): Promise<Record<string, string>>;

  /**
   * Deletes a variable. Does nothing when it is not set.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create({ env: { A: "1" } });
   * await sandbox.env.delete("A");
   * assert.equal(await sandbox.env.get("A"), undefined);
   * ```
   */
  delete(key: string): Promise<void>;
}

/** Implements {@linkcode SandboxEnv} over a connection. */
export class RemoteEnv implements SandboxEnv {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#connection.call("envGet", { key })) ?? undefined;
  }

  async set(key: string, value: string): Promise<void> {
    await this.#connection.call("envSet", { key, value });
  }

  async toObject(): Promise<Record<string, string>> {
    return await this.#connection.call("envToObject", {});
  }

  async delete(key: string): Promise<void> {
    await this.#connection.call("envDelete", { key });
  }
}

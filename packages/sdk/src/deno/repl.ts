import type { ProcessParts } from "../process/child-process.ts";
import { ignoreEnded } from "../process/child-process.ts";
import type { Connection } from "../transport/connection.ts";
import { DenoProcess } from "./process.ts";

/**
 * A Deno REPL: it evaluates one piece of code after the other, and remembers what they define.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * await using repl = await sandbox.deno.repl();
 * await repl.eval("const answer = 6 * 7");
 * assert.equal(await repl.eval("answer"), 42);
 * ```
 */
export class DenoRepl extends DenoProcess {
  readonly #connection: Connection;

  /** @internal */
  constructor(key: symbol, parts: ProcessParts) {
    super(key, parts);
    this.#connection = parts.connection;
  }

  /**
   * Evaluates TypeScript or JavaScript, with top-level `await`. Resolves to the value of its last expression, as far as
   * JSON can represent it. Rejects with the exception if there is one.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await using repl = await sandbox.deno.repl();
   * assert.deepEqual(await repl.eval("({ list: [1, 2, 3].map((n: number) => n * n) })"), { list: [1, 4, 9] });
   * await assert.rejects(() => repl.eval("null.x"), TypeError);
   * ```
   */
  async eval<T = unknown>(code: string): Promise<T> {
    return (await this.#connection.call("denoReplEval", { pid: this.pid, code })) as T;
  }

  /**
   * Calls a function: one that was defined before, by its name, or one given as an expression. Arguments and result must be
   * representable as JSON.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await using repl = await sandbox.deno.repl();
   * await repl.eval("function add(a: number, b: number) { return a + b; }");
   * assert.equal(await repl.call("add", 1, 2), 3);
   * assert.equal(await repl.call("(text) => text.toUpperCase()", "a"), "A");
   * ```
   */
  async call<T = unknown>(fn: string, ...args: unknown[]): Promise<T> {
    return (await this.#connection.call("denoReplCall", { pid: this.pid, fn, args })) as T;
  }

  /** Ends it. Does nothing if it has ended already. */
  async close(): Promise<void> {
    await ignoreEnded(this.#connection.call("denoReplClose", { pid: this.pid }));
  }

  /** Ends it, and waits until it has ended. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([super[Symbol.asyncDispose](), this.close()]);
  }
}

import type { Build, DeployOptions } from "./deploy-options.ts";
import type { DenoReplOptions, DenoRunOptions } from "./options.ts";
import type { DenoProcess } from "./process.ts";
import type { DenoRepl } from "./repl.ts";

/** Deno in a sandbox. */
export interface SandboxDeno {
  /**
   * Starts a program: a file in the sandbox, or code. It has all permissions; the sandbox is what confines it.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const program = await sandbox.deno.run({
   *   code: "console.log(`hello ${Deno.args[0]}`)",
   *   scriptArgs: ["world"],
   *   stdout: "piped",
   * });
   * assert.equal((await program.output()).stdoutText, "hello world\n");
   * ```
   */
  run(options: DenoRunOptions): Promise<DenoProcess>;

  /**
   * Evaluates code in a new REPL; see {@linkcode DenoRepl.eval}.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * assert.equal(await sandbox.deno.eval("const a: number = 1; a + 1"), 2);
   * ```
   */
  eval<T = unknown>(code: string): Promise<T>;

  /**
   * Starts a REPL, which remembers what it evaluates.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await using repl = await sandbox.deno.repl({ env: { MODE: "test" } });
   * assert.equal(await repl.eval("Deno.env.get('MODE')"), "test");
   * ```
   */
  repl(options?: DenoReplOptions): Promise<DenoRepl>;

  /**
   * Deploys a directory in the sandbox to an app. Rejects with `DeployError`.
   *
   * @example
   * ```ts ignore
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("main.ts", "Deno.serve(() => new Response('hello'))");
   * const build = await sandbox.deno.deploy("my-app");
   * for await (const line of build.logs()) console.log(line.message);
   * ```
   */
  deploy(app: string, options?: DeployOptions): Promise<Build>;
}

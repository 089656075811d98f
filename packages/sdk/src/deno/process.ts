import { remoteFetch } from "../fetch/remote-fetch.ts";
import type { RequestInit } from "../fetch/request-init.ts";
import type { ProcessParts } from "../process/child-process.ts";
import { ChildProcess } from "../process/child-process.ts";
import type { Connection } from "../transport/connection.ts";

/**
 * A Deno program in a sandbox. If it was started with `watch`, it dispatches the event `restart` each time it restarts.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * await using server = await sandbox.deno.run({
 *   code: "Deno.serve(() => new Response('hello'))",
 *   stdout: "null",
 *   stderr: "null",
 * });
 * assert.equal(await server.httpReady, true);
 * const response = await server.fetch("http://localhost/");
 * assert.equal(await response.text(), "hello");
 * ```
 */
export class DenoProcess extends ChildProcess {
  readonly #connection: Connection;
  readonly #httpReady: Promise<boolean>;

  /** @internal */
  constructor(key: symbol, parts: ProcessParts) {
    super(key, parts);
    this.#connection = parts.connection;
    this.#httpReady = parts.connection.call("denoHttpWait", { pid: parts.pid });
    this.#httpReady.catch(() => {});
  }

  /** Resolves to true when the program serves HTTP, with `Deno.serve` or `node:http`; to false if it ended without doing so. */
  get httpReady(): Promise<boolean> {
    return this.#httpReady;
  }

  /**
   * Sends a request to the HTTP server of this program, regardless of the host and port in the URL.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const code = "Deno.serve(async (request) => Response.json({ path: new URL(request.url).pathname, body: await request.text() }))";
   * await using server = await sandbox.deno.run({ code, stdout: "null", stderr: "null" });
   * await server.httpReady;
   * const response = await server.fetch("https://example.com/form", { method: "POST", body: "a=1" });
   * assert.deepEqual(await response.json(), { path: "/form", body: "a=1" });
   * ```
   */
  async fetch(url: string | URL, init?: RequestInit | ConstructorParameters<typeof Request>[1]): Promise<Response> {
    return await remoteFetch(this.#connection, url, init, this.pid);
  }
}

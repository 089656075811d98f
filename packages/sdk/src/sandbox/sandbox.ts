import type { Build, DeployOptions } from "../deno/deploy-options.ts";
import { InvalidTimeoutError } from "../errors/settings.ts";
import { inspectable } from "../inspect.ts";
import { PRIVATE } from "../private.ts";
import { SandboxContents } from "./contents.ts";
import { type ForkOptions, forkSandbox, pauseSandbox, resumeSandbox } from "./continuing.ts";
import {
  type ExposeHttpOptions,
  type ExposeSshOptions,
  exposeHttp,
  exposeSsh,
  exposeTerminal,
  exposeVscode,
  type SshAccess,
} from "./exposure.ts";
import { regionOf } from "./id.ts";
import { extendTimeout, kill } from "./lifetime.ts";
import type { SandboxParts } from "./opening.ts";
import { openSandbox, sandboxConfig } from "./opening.ts";
import type { ConnectOptions, ResumeOptions, SandboxOptions, VsCodeOptions } from "./options.ts";
import { parseTimeout } from "./timeout.ts";
import type { VsCode } from "./vscode.ts";

/**
 * A microVM for untrusted code, and a connection to it.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 *
 * await using sandbox = await Sandbox.create();
 * await sandbox.sh`ls -lh /`;
 * ```
 */
export class Sandbox extends SandboxContents implements AsyncDisposable {
  readonly #parts: SandboxParts;
  #ssh: SshAccess | undefined;
  #url: string | undefined;

  /**
   * Creates a sandbox and connects to it. Rejects with `ConnectionEstablishmentError` when the server refuses, with
   * `InvalidTokenError` and `NetworkError`, and with a specific error for every invalid option.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * const sandbox = await Sandbox.create({ timeout: "5m", memory: "1GiB", env: { MODE: "test" }, labels: { owner: "docs" } });
   * await sandbox.close(); // it lives on for five minutes
   * await using again = await Sandbox.connect(sandbox.id);
   * await again.kill();
   * ```
   */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const sandbox = new Sandbox(
      PRIVATE,
      await openSandbox("/api/v3/sandboxes/create", options, sandboxConfig(options)),
    );
    const { ssh, port } = options;
    try {
      const [access, url] = await Promise.all([
        ssh ? sandbox.exposeSsh() : undefined,
        port === undefined ? undefined : sandbox.exposeHttp({ port }),
      ]);
      sandbox.#ssh = access;
      sandbox.#url = url;
      return sandbox;
    } catch (error) {
      await sandbox.close();
      throw error;
    }
  }

  /**
   * Connects to a running sandbox. Its lifetime does not depend on this connection. Rejects like {@linkcode
   * Sandbox.create}, and with a `TypeError` for an invalid id.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("note.txt", "from the first");
   * await using second = await Sandbox.connect({ id: sandbox.id });
   * assert.equal(await second.fs.readTextFile("note.txt"), "from the first");
   * ```
   */
  static async connect(id: string, options?: ConnectOptions): Promise<Sandbox>;
  static async connect(options: ConnectOptions & { id: string }): Promise<Sandbox>;
  static async connect(
    idOrOptions: string | (ConnectOptions & { id: string }),
    more: ConnectOptions = {},
  ): Promise<Sandbox> {
    const { id, ...options } =
      typeof idOrOptions === "string" ? { id: idOrOptions, ...more } : { ...idOrOptions, ...more };
    const region = regionOf(id);
    return new Sandbox(PRIVATE, await openSandbox(`/api/v3/sandbox/${id}/connect`, { ...options, region }));
  }

  /**
   * Sandkeep's own: lets a paused sandbox go on, and connects to it. It has the time that it had left, at least five minutes,
   * unless `timeout` says otherwise; a session ends with this connection again. Rejects with `ApiError`, and like {@linkcode
   * Sandbox.connect}.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * const sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("note.txt", "before");
   * await sandbox.pause();
   * // Later, also after a restart of the server:
   * await using again = await Sandbox.resume(sandbox.id);
   * assert.equal(await again.fs.readTextFile("note.txt"), "before");
   * ```
   */
  static async resume(id: string, options: ResumeOptions = {}): Promise<Sandbox> {
    return new Sandbox(PRIVATE, await resumeSandbox(id, options));
  }

  /** @internal */
  constructor(key: symbol, parts: SandboxParts) {
    super(key, parts);
    this.#parts = parts;
  }

  /**
   * Resolves when the connection has ended: because it was closed, because the sandbox stopped, or because the network
   * failed.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * const sandbox = await Sandbox.create({ timeout: "1m" });
   * setTimeout(() => sandbox.kill(), 100);
   * await sandbox.closed;
   * ```
   */
  get closed(): Promise<void> {
    return this.#parts.connection.closed;
  }

  /** User name and host for SSH, if it was created with `ssh`. */
  get ssh(): SshAccess | undefined {
    return this.#ssh;
  }

  /** URL of its published port, if it was created with `port`. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Ends the connection. With `timeout: "session"`, and if this is the connection that created it, the sandbox ends too. */
  async close(): Promise<void> {
    await this.#parts.connection.close();
  }

  /**
   * Ends the sandbox now, for everyone. Rejects with `SandboxKillError`.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * const sandbox = await Sandbox.create({ timeout: "5m" });
   * await sandbox.kill();
   * await assert.rejects(() => Sandbox.connect(sandbox.id));
   * ```
   */
  async kill(): Promise<void> {
    await kill(this.#parts);
  }

  /**
   * Requests that the sandbox live this long from now on, at most 30 minutes. Resolves to when it will end, which may differ.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create({ timeout: "1m" });
   * const end: Date = await sandbox.extendTimeout("10m");
   * assert.ok(end.getTime() > Date.now() + 9 * 60_000);
   * await sandbox.kill();
   * ```
   */
  async extendTimeout(timeout: `${number}s` | `${number}m`): Promise<Date> {
    const durationMs = parseTimeout(timeout);
    if (durationMs === undefined)
      throw new InvalidTimeoutError('A timeout can only be extended by a duration, such as "10m"');
    return await extendTimeout(this.#parts, durationMs);
  }

  /**
   * Sandkeep's own: makes a child, or `count` of them, that go on where the sandbox is now, with its processes, memory and
   * disk. Each has an id and placeholders for secrets of its own, and the same policy. A child ends when its parent would have,
   * that of a session with the connection that this resolves to, unless `timeout` says otherwise. Rejects with `ApiError`.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("note.txt", "from the parent");
   * await using twin = await sandbox.fork();
   * await sandbox.fs.writeTextFile("note.txt", "changed");
   * assert.equal(await twin.fs.readTextFile("note.txt"), "from the parent");
   * const several = await sandbox.fork({ count: 2, timeout: "1m" });
   * await Promise.all(several.map((child) => child.kill()));
   * ```
   */
  async fork(options?: ForkOptions & { count?: undefined }): Promise<Sandbox>;
  async fork(options: ForkOptions & { count: number }): Promise<Sandbox[]>;
  async fork(options: ForkOptions & { count?: number | undefined } = {}): Promise<Sandbox | Sandbox[]> {
    const children = (await forkSandbox(this.#parts, options)).map((parts) => new Sandbox(PRIVATE, parts));
    return options.count === undefined ? children[0]! : children;
  }

  /**
   * Sandkeep's own: writes the sandbox to disk, so that it uses no memory, and ends all connections to it. It is durable when
   * this resolves; {@linkcode Sandbox.resume} lets it go on. Rejects with `ApiError`, and the sandbox goes on then.
   *
   * @example
   * ```ts
   * import { ConnectionEstablishmentError, Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * const sandbox = await Sandbox.create();
   * await sandbox.pause();
   * const error = await Sandbox.connect(sandbox.id).catch((error) => error);
   * assert.ok(error instanceof ConnectionEstablishmentError && error.code === "SANDBOX_PAUSED");
   * await using again = await Sandbox.resume(sandbox.id);
   * ```
   */
  async pause(): Promise<void> {
    await pauseSandbox(this.#parts);
  }

  /** The same as {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Publishes an HTTP server in the sandbox. Anyone who knows the URL that this resolves to can reach it; there is no other
   * check. The address ends with the sandbox. WebSockets and HTTP/2 work.
   *
   * With `auth: "token"` (Sandkeep's own), the address is private: the URL that this resolves to has a token in it. It opens this one
   * port of this one sandbox, and expires.
   *
   * @example
   * ```ts ignore
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * const server = await sandbox.deno.run({ code: "Deno.serve({ port: 8000 }, () => new Response('hello'))" });
   * await server.httpReady;
   * console.log("open", await sandbox.exposeHttp({ port: 8000 }));
   * console.log("for my team", await sandbox.exposeHttp({ port: 8000, auth: "token", expires: "1h" }));
   * ```
   */
  async exposeHttp(options: ExposeHttpOptions): Promise<string> {
    return await exposeHttp(this.#parts, options);
  }

  /**
   * Opens the sandbox to SSH. Anyone who knows the user name that this resolves to can log in; there is no other check, unless you
   * list keys. `scp`, `sftp`, `rsync`, `git` and port forwarding work.
   *
   * @example
   * ```ts ignore
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create({ timeout: "10m" });
   * const { username, hostname, port } = await sandbox.exposeSsh();
   * console.log(`ssh ${username}@${hostname} -p ${port}`);
   * ```
   */
  async exposeSsh(options: ExposeSshOptions = {}): Promise<SshAccess> {
    return await exposeSsh(this.#parts, options);
  }

  /**
   * Sandkeep's own: makes a link that opens a terminal in a browser. It works once, within a minute, for whoever has it; the terminal then
   * stays open as long as the page, the sandbox and the client's token.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * console.log("open", await sandbox.exposeTerminal());
   * ```
   */
  async exposeTerminal(): Promise<string> {
    return await exposeTerminal(this.#parts);
  }

  /**
   * Starts VS Code for the browser with a directory open, and publishes it.
   *
   * @experimental
   *
   * @example
   * ```ts ignore
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * const vscode = await sandbox.exposeVscode("/home/app");
   * console.log("open", vscode.url);
   * await vscode.status;
   * ```
   */
  async exposeVscode(path = "/home/app", options: VsCodeOptions = {}): Promise<VsCode> {
    return await exposeVscode(this.#parts, path, options);
  }

  /** The same as {@linkcode SandboxDeno.deploy}. */
  async deploy(app: string, options?: DeployOptions): Promise<Build> {
    return await this.deno.deploy(app, options);
  }

  static {
    inspectable(Sandbox, "Sandbox", ({ id, ssh, url }) => ({ id, ...(ssh && { ssh }), ...(url && { url }) }));
  }
}

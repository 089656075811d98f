import { SandboxCommandBuilder } from "../command/builder.ts";
import type { SandboxDeno } from "../deno/deno.ts";
import type { Build, DeployOptions } from "../deno/deploy-options.ts";
import { RemoteDeno } from "../deno/remote-deno.ts";
import { RemoteEgress } from "../egress/remote-egress.ts";
import type { SandboxEgress } from "../egress/sandbox-egress.ts";
import type { SandboxEnv } from "../env/env.ts";
import { RemoteEnv } from "../env/env.ts";
import { InvalidTimeoutError } from "../errors/settings.ts";
import { remoteFetch } from "../fetch/remote-fetch.ts";
import type { RequestInit } from "../fetch/request-init.ts";
import { RemoteFs } from "../fs/remote-fs.ts";
import type { SandboxFs } from "../fs/sandbox-fs.ts";
import { Inspectable, inspectable } from "../inspect.ts";
import { PRIVATE, requirePrivate } from "../private.ts";
import type { ChildProcess } from "../process/child-process.ts";
import type { PtyOptions, PtyProcess } from "../process/pty.ts";
import { spawnPty } from "../process/pty.ts";
import { spawn } from "../process/spawn.ts";
import type { SpawnOptions } from "../process/spawn-options.ts";
import { snapshotSandbox } from "../volumes/calls.ts";
import { RemoteSandboxVolumes, type SandboxVolumes } from "../volumes/sandbox-volumes.ts";
import { type Snapshot, toSnapshot } from "../volumes/snapshot.ts";
import type { SnapshotInit } from "../volumes/types.ts";
import { exposeHttp, exposeSsh, exposeVscode } from "./exposure.ts";
import { regionOf } from "./id.ts";
import { extendTimeout, kill } from "./lifetime.ts";
import type { SandboxParts } from "./opening.ts";
import { openSandbox, sandboxConfig } from "./opening.ts";
import type { ConnectOptions, SandboxOptions, VsCodeOptions } from "./options.ts";
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
export class Sandbox extends Inspectable implements AsyncDisposable {
  readonly #parts: SandboxParts;
  readonly #fs: SandboxFs;
  readonly #deno: SandboxDeno;
  readonly #env: SandboxEnv;
  readonly #egress: SandboxEgress;
  readonly #volumes: SandboxVolumes;
  #ssh: { username: string; hostname: string } | undefined;
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

  /** @internal */
  constructor(key: symbol, parts: SandboxParts) {
    super();
    requirePrivate(key, "Sandbox", "Sandbox.create() or Sandbox.connect()");
    this.#parts = parts;
    this.#fs = new RemoteFs(parts.connection);
    this.#deno = new RemoteDeno(parts.connection, parts.consoleApi);
    this.#env = new RemoteEnv(parts.connection);
    this.#volumes = new RemoteSandboxVolumes(parts.sandboxApi, parts.connection.sandboxId);
    this.#egress = new RemoteEgress(parts.sandboxApi, parts.connection.sandboxId);
  }

  /** Its id, for {@linkcode Sandbox.connect}. */
  get id(): string {
    return this.#parts.connection.sandboxId;
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

  /** Its files. */
  get fs(): SandboxFs {
    return this.#fs;
  }

  /** Runs Deno in it. */
  get deno(): SandboxDeno {
    return this.#deno;
  }

  /** Its environment. */
  get env(): SandboxEnv {
    return this.#env;
  }

  /** Sandkeep's own: what it may reach, and what it has reached. */
  get egress(): SandboxEgress {
    return this.#egress;
  }

  /** Sandkeep's own: its volumes, which can be attached and detached while it runs. */
  get volumes(): SandboxVolumes {
    return this.#volumes;
  }

  /** User name and host for SSH, if it was created with `ssh`. */
  get ssh(): { username: string; hostname: string } | undefined {
    return this.#ssh;
  }

  /** URL of its published port, if it was created with `port`. */
  get url(): string | undefined {
    return this.#url;
  }

  /**
   * Starts a program. By default it has no input and prints where this process prints. Rejects with `NotFound` if the
   * program or `cwd` does not exist.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const child = await sandbox.spawn("sort", { stdin: "piped", stdout: "piped" });
   * await ReadableStream.from(["b\n", "a\n"]).pipeThrough(new TextEncoderStream()).pipeTo(child.stdin!);
   * const { status, stdoutText } = await child.output();
   * assert.ok(status.success);
   * assert.equal(stdoutText, "a\nb\n");
   * ```
   */
  async spawn(command: string | URL, options: SpawnOptions = {}): Promise<ChildProcess> {
    return await spawn(this.#parts.connection, command, options);
  }

  /**
   * Sandkeep's own: starts a program on a terminal.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await using shell = await sandbox.pty("bash", { cols: 80, rows: 24 });
   * await shell.resize(120, 40);
   * const writer = shell.stdin!.getWriter();
   * await writer.write(new TextEncoder().encode("exit 7\n"));
   * assert.equal((await shell.status).code, 7);
   * ```
   */
  async pty(command: string | URL, options: PtyOptions = {}): Promise<PtyProcess> {
    return await spawnPty(this.#parts.connection, command, options);
  }

  /**
   * A command line for `bash`. Each `${…}` becomes one argument, whatever it contains; an array becomes one for each
   * element. The command runs when it is awaited; see {@linkcode SandboxCommandBuilder}.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const files = ["one file.txt", "another.txt"];
   * await sandbox.sh`touch ${files} && ls`;
   * const count = await sandbox.sh`ls | wc -l`.text();
   * assert.equal(count.trim(), "2");
   * ```
   */
  sh = (templateStrings: TemplateStringsArray, ...substitutions: unknown[]): SandboxCommandBuilder => {
    return new SandboxCommandBuilder(this, templateStrings, substitutions);
  };

  /**
   * Sends an HTTP request from within the sandbox: to its own servers as `http://localhost:…`, or to a host that it may
   * reach.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const code = "Deno.serve({ port: 8000 }, () => Response.json({ ok: true }))";
   * await using server = await sandbox.deno.run({ code, stdout: "null", stderr: "null" });
   * await server.httpReady;
   * const response = await sandbox.fetch("http://localhost:8000/");
   * assert.deepEqual(await response.json(), { ok: true });
   * ```
   */
  async fetch(url: string | URL, init?: RequestInit): Promise<Response> {
    return await remoteFetch(this.#parts.connection, url, init);
  }

  /**
   * Sandkeep's own: takes a snapshot of its disk as it is now, from which other sandboxes can start. What is mounted is not
   * part of it. Rejects with `ApiError` and `NetworkError`.
   *
   * @example
   * ```ts
   * import { Client, Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("note.txt", "before");
   * const { slug } = await sandbox.snapshot({ slug: "as-it-was" });
   * await sandbox.fs.writeTextFile("note.txt", "after");
   * {
   *   await using earlier = await Sandbox.create({ root: slug });
   *   assert.equal(await earlier.fs.readTextFile("note.txt"), "before");
   * }
   * await new Client().snapshots.delete(slug);
   * ```
   */
  async snapshot(init: SnapshotInit): Promise<Snapshot> {
    return toSnapshot(await snapshotSandbox(this.#parts.sandboxApi, this.id, init));
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

  /** The same as {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Publishes an HTTP server in the sandbox. Anyone who knows the URL that this resolves to can reach it; there is no other
   * check.
   *
   * @example
   * ```ts ignore
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * const server = await sandbox.deno.run({ code: "Deno.serve({ port: 8000 }, () => new Response('hello'))" });
   * await server.httpReady;
   * console.log("open", await sandbox.exposeHttp({ port: 8000 }));
   * ```
   */
  async exposeHttp(target: { port: number } | { pid: number }): Promise<string> {
    return await exposeHttp(this.#parts, target);
  }

  /**
   * Opens the sandbox to SSH. Anyone who knows the user name that this resolves to can log in; there is no other check.
   *
   * @example
   * ```ts ignore
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create({ timeout: "10m" });
   * const { username, hostname } = await sandbox.exposeSsh();
   * console.log(`ssh ${username}@${hostname}`);
   * ```
   */
  async exposeSsh(): Promise<{ hostname: string; username: string }> {
    return await exposeSsh(this.#parts);
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
    return await this.#deno.deploy(app, options);
  }

  static {
    inspectable(Sandbox, "Sandbox", ({ id, ssh, url }) => ({ id, ...(ssh && { ssh }), ...(url && { url }) }));
  }
}

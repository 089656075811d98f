import { SandboxCommandBuilder } from "../command/builder.ts";
import type { SandboxDeno } from "../deno/deno.ts";
import { RemoteDeno } from "../deno/remote-deno.ts";
import { RemoteEgress } from "../egress/remote-egress.ts";
import type { SandboxEgress } from "../egress/sandbox-egress.ts";
import type { SandboxEnv } from "../env/env.ts";
import { RemoteEnv } from "../env/env.ts";
import { remoteFetch } from "../fetch/remote-fetch.ts";
import type { RequestInit } from "../fetch/request-init.ts";
import { RemoteFs } from "../fs/remote-fs.ts";
import type { SandboxFs } from "../fs/sandbox-fs.ts";
import { Inspectable } from "../inspect.ts";
import { requirePrivate } from "../private.ts";
import type { ChildProcess } from "../process/child-process.ts";
import type { PtyOptions, PtyProcess } from "../process/pty.ts";
import { spawnPty } from "../process/pty.ts";
import { spawn } from "../process/spawn.ts";
import type { SpawnOptions } from "../process/spawn-options.ts";
import { snapshotSandbox } from "../volumes/calls.ts";
import { RemoteSandboxVolumes, type SandboxVolumes } from "../volumes/sandbox-volumes.ts";
import { type Snapshot, toSnapshot } from "../volumes/snapshot.ts";
import type { SnapshotInit } from "../volumes/types.ts";
import type { SandboxParts } from "./opening.ts";

/** What is in a sandbox: its files, its processes, its disks, and what it may reach. */
export class SandboxContents extends Inspectable {
  readonly #parts: SandboxParts;
  readonly #fs: SandboxFs;
  readonly #deno: SandboxDeno;
  readonly #env: SandboxEnv;
  readonly #egress: SandboxEgress;
  readonly #volumes: SandboxVolumes;

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
}

import { PRIVATE } from "../private.ts";
import { killOnAbort } from "../process/child-process.ts";
import { start } from "../process/spawn.ts";
import type { Rest } from "../rest/rest.ts";
import type { Connection } from "../transport/connection.ts";
import { toPath } from "../transport/path.ts";
import type { SandboxDeno } from "./deno.ts";
import { deploy } from "./deploy.ts";
import type { Build, DeployOptions } from "./deploy-options.ts";
import type { DenoReplOptions, DenoRunOptions } from "./options.ts";
import { DenoProcess } from "./process.ts";
import { DenoRepl } from "./repl.ts";

const RESTART = "$sandbox.deno.watcher.restart";

/** Implements {@linkcode SandboxDeno} over a connection. */
export class RemoteDeno implements SandboxDeno {
  readonly #connection: Connection;
  readonly #rest: Rest;

  /** `rest` is the API that deploys apps. */
  constructor(connection: Connection, rest: Rest) {
    this.#connection = connection;
    this.#rest = rest;
  }

  async run(options: DenoRunOptions): Promise<DenoProcess> {
    const connection = this.#connection;
    const program =
      "entrypoint" in options
        ? { entrypoint: toPath(options.entrypoint), watch: options.watch }
        : { code: options.code, extension: options.extension ?? "ts" };
    const { parts, started } = await start(connection, options, (params) =>
      connection.call("spawnDeno", { scriptArgs: options.scriptArgs, ...program, ...params }),
    );
    const child = new DenoProcess(PRIVATE, parts);
    if (started.watcherId) dispatchRestarts(connection, child, started.watcherId);
    killOnAbort(child, options.signal);
    return child;
  }

  async eval<T = unknown>(code: string): Promise<T> {
    const repl = await this.repl();
    try {
      return await repl.eval<T>(code);
    } finally {
      await repl.close();
    }
  }

  async repl(options: DenoReplOptions = {}): Promise<DenoRepl> {
    const connection = this.#connection;
    const { parts } = await start(connection, options, (params) =>
      connection.call("spawnDenoRepl", { scriptArgs: options.scriptArgs, ...params }),
    );
    const repl = new DenoRepl(PRIVATE, parts);
    killOnAbort(repl, options.signal);
    return repl;
  }

  async deploy(app: string, options?: DeployOptions): Promise<Build> {
    return await deploy(this.#rest, this.#connection.sandboxId, app, options);
  }
}

/** Dispatches an event on a program's object whenever the server reports that the watched program restarted. */
function dispatchRestarts(connection: Connection, child: DenoProcess, watcherId: string): void {
  const stop = connection.on(RESTART, (params) => {
    if (params.watcherId === watcherId) child.dispatchEvent(new Event("restart"));
  });
  child.status.then(stop, stop);
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defaultDataDir } from "@sandkeep/control";

const SANDKEEP = fileURLToPath(new URL("../../sandkeep", import.meta.url));
/** Memory for the warm pool: several servers of this run share the computer. */
const AHEAD_MIB = 400;
/** Time limit for a start, in milliseconds. It may include the first boot, from which a template is made. */
const START_TIMEOUT_MS = 120_000;
/** After this time, a server that was asked to stop is killed, in milliseconds. */
const STOP_TIMEOUT_MS = 30_000;
/** A server whose tests were killed before they could stop it exits on its own. */
const IDLE_EXIT = "5m";
/** How much of the log is shown if a server does not start. */
const LOG_TAIL_CHARS = 4_000;

/** Where the image and the templates are kept between runs: the same place as for users. */
export function imagesDir(): string {
  return process.env.SANDKEEP_E2E_IMAGES ?? defaultDataDir();
}

/** Content of the file that `sandkeep serve --ready-file` writes. */
export interface Ready {
  sandboxEndpoint: string;
  apiEndpoint: string;
  token: string;
  caFile: string | null;
  domain: string;
  doorsCaFile: string | null;
  sshPort: number;
}

export interface ServerOptions {
  /** Data directory; by default a new one, removed at the end. */
  dataDir?: string;
  /** Server settings, as in its configuration file. */
  config?: Record<string, unknown>;
  /** By default any free one. */
  port?: number;
}

/** A server as users start it: `./sandkeep serve`, on a free port. */
export class TestServer implements AsyncDisposable {
  readonly ready: Ready;
  readonly dataDir: string;
  readonly #child: ChildProcess;
  readonly #work: string;
  readonly #log: () => string;

  private constructor(ready: Ready, dataDir: string, child: ChildProcess, work: string, log: () => string) {
    this.ready = ready;
    this.dataDir = dataDir;
    this.#child = child;
    this.#work = work;
    this.#log = log;
  }

  static async start({ dataDir, config = {}, port = 0 }: ServerOptions = {}): Promise<TestServer> {
    const work = await mkdtemp(join(tmpdir(), "sandkeep-e2e-"));
    const data = dataDir ?? join(work, "data");
    const readyFile = join(work, "ready.json");
    const configFile = join(work, "config.json");
    await writeFile(configFile, JSON.stringify({ engine: { aheadMemoryMiB: AHEAD_MIB }, ...config }));
    const args = [
      "serve",
      "--port",
      String(port),
      "--data-dir",
      data,
      "--images",
      imagesDir(),
      "--config",
      configFile,
      "--ready-file",
      readyFile,
      "--idle-exit",
      IDLE_EXIT,
    ];
    const child = spawn(SANDKEEP, args, { stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-1_000_000)));
    }
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`the server ended with ${code}:\n${log.slice(-LOG_TAIL_CHARS)}`);
    });
    ended.catch(() => {});
    try {
      const ready = await Promise.race([readWhenThere<Ready>(work, readyFile), ended, timeout(() => log)]);
      return new TestServer(ready, data, child, work, () => log);
    } catch (error) {
      child.kill("SIGKILL");
      await rm(work, { recursive: true, force: true });
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Its log so far. */
  get log(): string {
    return this.#log();
  }

  /** The environment with which clients find it. */
  get env(): Record<string, string> {
    return clientEnv(this.ready);
  }

  /** Kills it, as the kernel's OOM killer would. Its data stays. */
  async crash(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited();
  }

  /** Stops it, and waits until it has. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.#exited();
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Removes its own files, but not a data directory that it was given. */
  async #exited(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
    await rm(this.#work, { recursive: true, force: true });
  }
}

/**
 * Points clients of this process at a server: the one whose ready file is named, for working on a test, otherwise a new
 * one.
 */
export async function startForClients(): Promise<AsyncDisposable> {
  const { SANDKEEP_E2E_READY: readyFile } = process.env;
  if (readyFile) {
    Object.assign(process.env, clientEnv(JSON.parse(await readFile(readyFile, "utf8")) as Ready));
    return { async [Symbol.asyncDispose]() {} };
  }
  const server = await TestServer.start();
  Object.assign(process.env, server.env);
  return server;
}

function clientEnv({ sandboxEndpoint, apiEndpoint, token }: Ready): Record<string, string> {
  return { DENO_SANDBOX_ENDPOINT: sandboxEndpoint, DENO_DEPLOY_ENDPOINT: apiEndpoint, DENO_DEPLOY_TOKEN: token };
}

/** Parses a JSON file, once it exists and is complete. */
async function readWhenThere<T>(directory: string, file: string): Promise<T> {
  // Watch before the first check, so that it cannot appear in between.
  const watcher = watch(directory);
  try {
    for (;;) {
      const changed = once(watcher, "change");
      const text = await readFile(file, "utf8").catch(() => "");
      if (text.endsWith("}") || text.endsWith("}\n")) return JSON.parse(text) as T;
      await changed;
    }
  } finally {
    watcher.close();
  }
}

function timeout(log: () => string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(
      () => reject(new Error(`the server did not start in ${START_TIMEOUT_MS} ms:\n${log().slice(-LOG_TAIL_CHARS)}`)),
      START_TIMEOUT_MS,
    ).unref();
  });
}

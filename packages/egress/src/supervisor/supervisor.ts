/** The host's side of the proxy process: starts it, attaches sandboxes, and restarts it when it dies. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Logger } from "@sandkeep/common";
import type { EgressConfig, EgressEvent, EgressSpec, FromProxy, ToProxy } from "../contract.ts";
import { readLines, writeLine } from "./lines.ts";

/** Delay before a dead proxy is restarted, milliseconds: the first one, and the longest after repeated failures. */
const FIRST_REST_MS = 50;
const MAX_REST_MS = 5_000;
/** A proxy that ran this long started properly, so the delay starts over, milliseconds. */
const HEALTHY_MS = 10_000;
/** V8's semi-space for the proxy, MiB. Measured: half as much costs throughput, more only costs memory. */
const NURSERY_MIB = 16;
/** The only environment variables passed on: those that decide which upstream certificates are trusted, and the time zone. */
const ENVIRONMENT = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZ"];

export interface ProxySupervisorOptions {
  /** Folder with the CA and the key for sealed secrets. */
  dir: string;
  config: EgressConfig;
  log: Logger;
  /** Stores an event. More events of the same sandbox may arrive before it resolves, up to `UNACKNOWLEDGED_EVENTS`. */
  onEvent: (id: string, event: EgressEvent) => Promise<void>;
  /** Called when a guest breaks the egress port's contract: its machine must end. */
  onViolation: (id: string, detail: string) => void;
}

interface Attached {
  socket: string;
  spec: EgressSpec;
}

type Waiter = { resolve: () => void; reject: (error: Error) => void };

/** Runs one proxy process for all machines of a host. */
export class ProxySupervisor implements AsyncDisposable {
  readonly #options: ProxySupervisorOptions;
  readonly #attached = new Map<string, Attached>();
  readonly #waiters = new Map<number, Waiter>();
  #child: ChildProcess | null = null;
  #control: Duplex | null = null;
  #seq = 0;
  #rest = FIRST_REST_MS;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ProxySupervisorOptions) {
    this.#options = options;
    this.#start();
  }

  /** Process id of the proxy; null while it is restarting. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /**
   * Serves a machine's egress port from now on, across restarts of the proxy. You need not await it: nothing leaves before it
   * resolves.
   *
   * @throws {Error} if the proxy rejects the spec; the machine then has no egress
   */
  async attach(id: string, socket: string, spec: EgressSpec): Promise<void> {
    this.#attached.set(id, { socket, spec });
    await this.#ask((seq) => ({ type: "attach", seq, id, socket, spec }));
  }

  /**
   * Changes what a sandbox may reach. The change is in force when this resolves. While there is no proxy there is no egress, and the
   * next proxy starts with the change.
   *
   * @throws {Error} if the proxy rejects the spec
   */
  async update(id: string, spec: EgressSpec): Promise<void> {
    const attached = this.#attached.get(id);
    if (!attached) throw new Error("The machine has no egress.");
    const former = attached.spec;
    attached.spec = spec;
    try {
      await this.#ask((seq) => ({ type: "update", seq, id, spec }));
    } catch (error) {
      // The next proxy would reject it too.
      if (attached.spec === spec) attached.spec = former;
      throw error;
    }
  }

  detach(id: string): void {
    if (this.#attached.delete(id)) this.#send({ type: "detach", id });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (!child) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    this.#control?.destroy();
    child.kill("SIGKILL");
    await ended;
  }

  #start(): void {
    const { dir, config } = this.#options;
    const main = fileURLToPath(new URL("./main.ts", import.meta.url));
    const env = Object.fromEntries(
      ENVIRONMENT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    );
    // No core dump and no debugger: the proxy's memory holds every secret. The inherited flags let Node run this code.
    const node = [
      ...process.execArgv.filter((flag) => /^--(conditions|disable-warning)/.test(flag)),
      "--disable-sigusr1",
      main,
    ];
    // Thousands of connections create much short-lived garbage: a larger semi-space, or a malloc arena per thread, would keep the memory.
    const memory = { MALLOC_ARENA_MAX: "1" };
    node.unshift(`--max-semi-space-size=${NURSERY_MIB}`);
    const child = spawn("prlimit", ["--core=0", "--", process.execPath, ...node], {
      env: { ...env, ...memory, PATH: process.env.PATH ?? "" },
      stdio: ["ignore", "ignore", "inherit", "pipe"],
    });
    const control = child.stdio[3] as unknown as Duplex;
    const since = performance.now();
    this.#child = child;
    this.#control = control;
    control.on("error", () => {});
    // The other end closed: nothing written from now on would be read.
    control.once("end", () => control.destroy());
    readLines<FromProxy>(control, (message) => this.#take(message));
    child.once("error", (error) => this.#options.log.error({}, `the egress proxy cannot be started: ${error.message}`));
    child.once("close", () => {
      control.destroy();
      this.#child = null;
      this.#control = null;
      // The next proxy starts with the specs that were not confirmed yet.
      for (const waiter of this.#waiters.values()) waiter.resolve();
      this.#waiters.clear();
      if (this.#closed) return;
      this.#rest = performance.now() - since > HEALTHY_MS ? FIRST_REST_MS : Math.min(MAX_REST_MS, this.#rest * 2);
      this.#options.log.error({}, "the egress proxy ended; no sandbox has network access until it is back");
      this.#restart = setTimeout(() => this.#start(), this.#rest);
    });
    this.#send({ type: "configure", dir, config });
    for (const [id, { socket, spec }] of this.#attached) {
      this.#ask((seq) => ({ type: "attach", seq, id, socket, spec })).catch((error: Error) =>
        this.#options.log.error({ sandbox: id }, `no egress: ${error.message}`),
      );
    }
  }

  /** Sends a message and waits for its `done`. Returns at once if there is no proxy. */
  async #ask(message: (seq: number) => ToProxy): Promise<void> {
    if (!this.#control) return;
    const seq = ++this.#seq;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.set(seq, { resolve, reject });
    this.#send(message(seq));
    await promise;
  }

  #send(message: ToProxy): void {
    if (this.#control) writeLine(this.#control, message);
  }

  #take(message: FromProxy): void {
    switch (message.type) {
      case "ready":
        return this.#options.log.info({}, "the egress proxy is ready");
      case "done": {
        const waiter = this.#waiters.get(message.seq);
        this.#waiters.delete(message.seq);
        return message.error === null ? waiter?.resolve() : waiter?.reject(new Error(message.error));
      }
      case "event": {
        const { id, event } = message;
        const taken = () => this.#send({ type: "ack", id, events: 1 });
        return void this.#options.onEvent(id, event).then(taken, taken);
      }
      case "violation":
        return this.#options.onViolation(message.id, message.detail);
      case "log":
        return this.#options.log[message.level](message.id === undefined ? {} : { sandbox: message.id }, message.text);
    }
  }
}

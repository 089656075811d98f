/** The host's hold on the proxy: starts it, tells it what sandboxes may do, and starts it again when it dies. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Logger } from "@sandkeep/common";
import type { EgressConfig, EgressEvent, EgressSpec, FromProxy, ToProxy } from "../contract.ts";
import { readLines, writeLine } from "./lines.ts";

/** Rest before a proxy that died is started again, milliseconds: at first, and at most after it died again and again. */
const FIRST_REST_MS = 50;
const MAX_REST_MS = 5_000;
/** A proxy that lived so long did not die of its start, milliseconds. */
const HEALTHY_MS = 10_000;
/** What new objects of the proxy may take before they are looked through, MiB; measured: half as much costs throughput, more only memory. */
const NURSERY_MIB = 16;
/** Settings that decide which upstream certificates are trusted, and nothing else of the environment. */
const ENVIRONMENT = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZ"];

export interface ProxySupervisorOptions {
  /** Folder of the CA and the key of sealed secrets. */
  dir: string;
  config: EgressConfig;
  log: Logger;
  /** Takes an event; the next of a sandbox may come before it resolves, up to a bound. */
  onEvent: (id: string, event: EgressEvent) => Promise<void>;
  /** A guest broke the wire's contract: its machine is to end. */
  onViolation: (id: string, detail: string) => void;
}

interface Attached {
  socket: string;
  spec: EgressSpec;
}

type Waiter = { resolve: () => void; reject: (error: Error) => void };

/** One proxy process for all machines of a host. */
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

  /** Process id of the proxy; null while it is being started again. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /**
   * Serves a machine's egress port from now on, over restarts of the proxy too. Need not be waited for: before it resolves
   * nothing leaves.
   *
   * @throws {Error} when the proxy cannot use the spec; the machine then has no egress
   */
  async attach(id: string, socket: string, spec: EgressSpec): Promise<void> {
    this.#attached.set(id, { socket, spec });
    await this.#ask((seq) => ({ type: "attach", seq, id, socket, spec }));
  }

  /**
   * Changes what a sandbox may reach; in force when this resolves. While there is no proxy there is no egress, and the
   * change is what the next one begins with.
   *
   * @throws {Error} when the proxy cannot use the spec
   */
  async update(id: string, spec: EgressSpec): Promise<void> {
    const attached = this.#attached.get(id);
    if (!attached) throw new Error("The machine has no egress.");
    const former = attached.spec;
    attached.spec = spec;
    try {
      await this.#ask((seq) => ({ type: "update", seq, id, spec }));
    } catch (error) {
      // The next proxy could not use it either.
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
    // No core dump and no debugger: its memory holds every secret. The flags are those that make Node read this code.
    const node = [
      ...process.execArgv.filter((flag) => /^--(conditions|disable-warning)/.test(flag)),
      "--disable-sigusr1",
      main,
    ];
    // Thousands of connections leave much garbage that is soon gone: a large nursery, or an arena per thread, would keep its memory.
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
    // Its other end closed: nothing written now would be read.
    control.once("end", () => control.destroy());
    readLines<FromProxy>(control, (message) => this.#take(message));
    child.once("error", (error) => this.#options.log.error({}, `the egress proxy cannot be started: ${error.message}`));
    child.once("close", () => {
      control.destroy();
      this.#child = null;
      this.#control = null;
      // What was not confirmed is in the specs that the next proxy begins with.
      for (const waiter of this.#waiters.values()) waiter.resolve();
      this.#waiters.clear();
      if (this.#closed) return;
      this.#rest = performance.now() - since > HEALTHY_MS ? FIRST_REST_MS : Math.min(MAX_REST_MS, this.#rest * 2);
      this.#options.log.error({}, `the egress proxy ended; until it is back no sandbox reaches anything`);
      this.#restart = setTimeout(() => this.#start(), this.#rest);
    });
    this.#send({ type: "configure", dir, config });
    for (const [id, { socket, spec }] of this.#attached) {
      this.#ask((seq) => ({ type: "attach", seq, id, socket, spec })).catch((error: Error) =>
        this.#options.log.error({ sandbox: id }, `no egress: ${error.message}`),
      );
    }
  }

  /** Sends what is answered with `done`. Without a proxy there is nothing to wait for. */
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

/** The host's side of one proxy process: starts it, attaches sandboxes, and restarts it when it dies. */
import type { Logger } from "@sandkeep/common";
import { type JailKind, type JailUser, PROXY_USERS } from "@sandkeep/jail";
import type { EgressConfig, EgressEvent, EgressSpec, FromProxy, Provisions, ToProxy } from "../contract.ts";
import { Channel } from "./channel.ts";
import type { Code } from "./code.ts";
import { JailedProxy } from "./jailed-proxy.ts";
import { LogAllowance } from "./log-allowance.ts";
import { Lookups } from "./lookups.ts";
import { Ports } from "./ports.ts";

/** Delay before a dead proxy is restarted, milliseconds: the first one, and the longest after repeated failures. */
const FIRST_REST_MS = 50;
const MAX_REST_MS = 5_000;
/** A proxy that ran this long started properly, so the delay starts over, milliseconds. */
const HEALTHY_MS = 10_000;
/** A proxy that does not confirm a change for this long is ended, milliseconds; it confirms within milliseconds. */
const ANSWER_MS = 60_000;
/** Sandboxes that ended, whose last events may still arrive. */
const REMEMBERED = 1_000;

export interface ProxySupervisorOptions {
  /** The id of the host whose proxy it is. */
  hostId: string;
  config: EgressConfig;
  jail: JailKind;
  /** Folder for the ports of its sandboxes, which is created. */
  folder: string;
  code: () => Promise<Code & { compiled: string | null }>;
  provisions: () => Promise<Provisions>;
  filter: Buffer | null;
  log: Logger;
  /** Stores an event. More events of the same sandbox may arrive before it resolves, up to `UNACKNOWLEDGED_EVENTS`. */
  onEvent: (id: string, event: EgressEvent) => Promise<void>;
  /** Called when a guest breaks the egress port's contract: its machine must end. */
  onViolation: (id: string, detail: string) => void;
}

interface Attached {
  /** Its name in the folder of ports. */
  port: string;
  spec: EgressSpec;
}

type Waiter = { resolve: () => void; reject: (error: Error) => void };

/** Runs one proxy process. */
export class ProxySupervisor implements AsyncDisposable {
  readonly #options: ProxySupervisorOptions;
  readonly #user: JailUser | null = PROXY_USERS.take();
  readonly #ports: Ports;
  readonly #attached = new Map<string, Attached>();
  readonly #ended = new Set<string>();
  readonly #waiters = new Map<number, Waiter>();
  readonly #logging: LogAllowance;
  #proxy: JailedProxy | null = null;
  #channel: Channel | null = null;
  /** Messages for a process that is starting; null if there is one, or none. */
  #queue: ((ports: string) => ToProxy)[] | null = null;
  #life: Promise<void> = Promise.resolve();
  #seq = 0;
  #rest = FIRST_REST_MS;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ProxySupervisorOptions) {
    this.#options = options;
    this.#logging = new LogAllowance(options.log);
    this.#ports = new Ports(options.folder, this.#user);
    this.#start();
  }

  /** Process id of the proxy; null while it is restarting. */
  get pid(): number | null {
    return this.#proxy?.pid ?? null;
  }

  /** Number of sandboxes that it serves. */
  get size(): number {
    return this.#attached.size;
  }

  /**
   * Serves a machine's egress port from now on, across restarts of the proxy. You need not await it: nothing leaves before it
   * resolves.
   *
   * @throws {Error} if the proxy rejects the spec; the machine then has no egress
   */
  async attach(id: string, socket: string, spec: EgressSpec): Promise<void> {
    const port = this.#ports.add(socket);
    const former = this.#attached.get(id);
    if (former) this.#ports.remove(former.port);
    this.#attached.set(id, { port, spec });
    this.#ended.delete(id);
    await this.#attach(id, port, spec);
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
      await this.#ask((seq) => () => ({ type: "update", seq, id, spec }));
    } catch (error) {
      // The next proxy would reject it too.
      if (attached.spec === spec) attached.spec = former;
      throw error;
    }
  }

  detach(id: string): void {
    const attached = this.#attached.get(id);
    if (!attached) return;
    this.#attached.delete(id);
    this.#ports.remove(attached.port);
    this.#ended.add(id);
    if (this.#ended.size > REMEMBERED) this.#ended.delete(this.#ended.values().next().value!);
    this.#send(() => ({ type: "detach", id }));
  }

  /** Another proxy serves the sandbox from now on: nothing more is believed about it. */
  forget(id: string): void {
    this.#ended.delete(id);
  }

  useResolvers(resolvers: string[]): void {
    this.#send(() => ({ type: "resolvers", resolvers }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#proxy?.kill();
    await this.#life;
    this.#ports[Symbol.dispose]();
    PROXY_USERS.release(this.#user?.uid);
  }

  #start(): void {
    const since = performance.now();
    this.#queue = [];
    for (const [id, { port, spec }] of this.#attached)
      this.#attach(id, port, spec).catch((error: Error) =>
        this.#options.log.error({ sandbox: id }, `no egress: ${error.message}`),
      );
    this.#life = this.#live()
      .catch((error: Error) => error.message)
      .then((why) => {
        this.#proxy = null;
        this.#channel = null;
        this.#queue = null;
        // The next proxy starts with the specs that were not confirmed yet.
        for (const waiter of this.#waiters.values()) waiter.resolve();
        this.#waiters.clear();
        if (this.#closed) return;
        this.#rest = performance.now() - since > HEALTHY_MS ? FIRST_REST_MS : Math.min(MAX_REST_MS, this.#rest * 2);
        this.#options.log.error(
          { sandboxes: this.#attached.size, why },
          "an egress proxy ended; its sandboxes have no network access until it is back",
        );
        this.#restart = setTimeout(() => this.#start(), this.#rest);
      });
  }

  /** Runs a process until its end. Resolves with the reason. */
  async #live(): Promise<string> {
    const { hostId, config, jail, filter } = this.#options;
    const [code, provisions] = await Promise.all([this.#options.code(), this.#options.provisions()]);
    if (this.#closed) return "";
    const user = this.#user;
    const { compiled } = code;
    const { folder: ports } = this.#ports;
    const proxy = await JailedProxy.start({ hostId, kind: jail, code, compiled, ports, user, filter });
    this.#proxy = proxy;
    if (this.#closed) proxy.kill();
    let broken: string | null = null;
    const channel = new Channel(proxy.control, this.#listener(proxy), (why) => {
      broken ??= why;
      proxy.kill();
    });
    void proxy.exited.then(() => channel.drain());
    channel.send({
      type: "configure",
      confinement: { user, filtered: filter !== null },
      provisions,
      config: { ...config, hooks: code.hooks },
    });
    for (const message of this.#queue ?? []) channel.send(message(proxy.ports));
    this.#queue = null;
    this.#channel = channel;
    const words = await proxy.ended;
    channel.close();
    return [broken, words].filter((text) => text !== null).join(": ");
  }

  async #attach(id: string, port: string, spec: EgressSpec): Promise<void> {
    await this.#ask((seq) => (ports) => ({ type: "attach", seq, id, socket: `${ports}/${port}`, spec }));
  }

  /** Sends a message and waits for its `done`. Returns at once if there is no proxy. */
  async #ask(message: (seq: number) => (ports: string) => ToProxy): Promise<void> {
    if (!this.#channel && !this.#queue) return;
    const seq = ++this.#seq;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.set(seq, { resolve, reject });
    this.#send(message(seq));
    const silent = setTimeout(() => this.#proxy?.kill(), ANSWER_MS);
    silent.unref();
    await promise.finally(() => clearTimeout(silent));
  }

  #send(message: (ports: string) => ToProxy): void {
    if (this.#channel) this.#channel.send(message(this.#proxy!.ports));
    else this.#queue?.push(message);
  }

  /** Handles what one process says. It may have been taken over by a guest: only its own sandboxes are its business. */
  #listener(proxy: JailedProxy): (message: FromProxy) => Promise<void> | void {
    // What took long may concern a process that is gone.
    const answer = (message: ToProxy) => {
      if (this.#proxy === proxy) this.#channel?.answer(message);
    };
    const lookups = new Lookups();
    const logging = this.#logging;
    return (message) => {
      switch (message.type) {
        case "ready":
          return logging.write("info", {}, "an egress proxy is ready");
        case "done": {
          const waiter = this.#waiters.get(message.seq);
          this.#waiters.delete(message.seq);
          return message.error === null ? waiter?.resolve() : waiter?.reject(new Error(message.error));
        }
        case "event": {
          const { id, event } = message;
          if (!this.#attached.has(id) && !this.#ended.has(id)) return;
          const taken = () => answer({ type: "ack", id, events: 1 });
          return this.#options.onEvent(id, event).then(taken, taken);
        }
        case "violation":
          if (this.#attached.has(message.id)) this.#options.onViolation(message.id, message.detail);
          return;
        case "lookup":
          return lookups.answer(message).then(answer);
        case "log": {
          const { id, level, text } = message;
          return logging.write(level, id !== undefined && this.#attached.has(id) ? { sandbox: id } : {}, text);
        }
      }
    };
  }
}

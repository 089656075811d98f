/** The proxy process: a sandbox and an egress port for each machine that the host attaches. */
import { authorityFrom } from "@sandkeep/common/x509";
import type { EgressEvent, EgressSpec, FromProxy, ToProxy } from "../contract.ts";
import { Dialer } from "../dial/dialer.ts";
import type { Hooks } from "../hooks.ts";
import { Port } from "../port/port.ts";
import { openShared, type Shared } from "../proxy/mod.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import { Sealer } from "../secrets/mod.ts";

/** Delay before reconnecting to a port that closed while its machine is attached, milliseconds. */
const RECONNECT_MS = 200;

interface Attached {
  sandbox: Sandbox;
  socket: string;
  port: Port;
  retry?: NodeJS.Timeout;
}

export class ProxyProcess {
  readonly #send: (message: FromProxy) => void;
  readonly #attached = new Map<string, Attached>();
  readonly #services: {
    sealer: Sealer;
    dialer: Dialer;
    shared: Shared;
    emit: (id: string, event: EgressEvent) => void;
  };

  private constructor(
    send: (message: FromProxy) => void,
    services: { sealer: Sealer; dialer: Dialer; shared: Shared },
  ) {
    this.#send = send;
    this.#services = { ...services, emit: (id, event) => send({ type: "event", id, event }) };
  }

  /** @throws {Error} if the configuration cannot be used */
  static async open(
    { provisions, config }: Extract<ToProxy, { type: "configure" }>,
    hooks: Hooks | null,
    send: (message: FromProxy) => void,
  ): Promise<ProxyProcess> {
    const { authority, upstreamCas, sealingKey, resolvers } = provisions;
    const shared = await openShared({
      authority: await authorityFrom(authority),
      upstreamCas,
      passThrough: config.passThrough,
      hooks,
    });
    const sealer = Sealer.of(Buffer.from(sealingKey, "base64"));
    const dialer = new Dialer({ ...config, systemResolvers: resolvers });
    return new ProxyProcess(send, { sealer, shared, dialer });
  }

  take(message: ToProxy): void {
    switch (message.type) {
      case "attach":
        return this.#answer(message.seq, () => this.#attach(message.id, message.socket, message.spec));
      case "update":
        return this.#answer(message.seq, () => this.#update(message.id, message.spec));
      case "resolvers":
        return this.#services.dialer.useSystemResolvers(message.resolvers);
      case "detach":
        return this.#detach(message.id);
      case "ack":
        return this.#attached.get(message.id)?.sandbox.acknowledge(message.events);
    }
  }

  #attach(id: string, socket: string, spec: EgressSpec): void {
    this.#detach(id);
    // If this throws, there is no port and the sandbox reaches nothing.
    const sandbox = new Sandbox(id, spec, this.#services);
    this.#attached.set(id, { sandbox, socket, port: this.#open(id, socket, sandbox) });
  }

  #open(id: string, socket: string, sandbox: Sandbox): Port {
    return new Port({
      sandbox,
      socket,
      dialer: this.#services.dialer,
      shared: this.#services.shared,
      violation: (detail) => this.#send({ type: "violation", id, detail }),
      gone: () => {
        const attached = this.#attached.get(id);
        if (!attached || attached.sandbox !== sandbox) return;
        attached.retry = setTimeout(() => (attached.port = this.#open(id, socket, sandbox)), RECONNECT_MS);
      },
    });
  }

  #update(id: string, spec: EgressSpec): void {
    const attached = this.#attached.get(id);
    if (!attached) throw new Error("The proxy does not serve this sandbox.");
    attached.sandbox.update(spec);
  }

  #answer(seq: number, work: () => void): void {
    let error: string | null = null;
    try {
      work();
    } catch (cause) {
      error = (cause as Error).message;
    }
    this.#send({ type: "done", seq, error });
  }

  #detach(id: string): void {
    const attached = this.#attached.get(id);
    if (!attached) return;
    this.#attached.delete(id);
    clearTimeout(attached.retry);
    attached.port[Symbol.dispose]();
    attached.sandbox.close();
  }
}

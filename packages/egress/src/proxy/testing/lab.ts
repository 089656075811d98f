/** A proxy with a guest on one side and upstreams on the other, all in this process, over a real egress port and real sockets. */
import { EventEmitter, once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { LeafCertificates } from "@sandkeep/common/x509";
import type { EgressEvent, EgressSpec, PolicySpec } from "../../contract.ts";
import { Dialer } from "../../dial/dialer.ts";
import type { Hooks } from "../../hooks.ts";
import { Port } from "../../port/port.ts";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { newPlaceholder, Sealer } from "../../secrets/mod.ts";
import { FakeGuest } from "../../testing/guest.ts";
import type { Shared } from "../connection/flow.ts";
import { openShared } from "../connection/shared.ts";
import { loadAuthority } from "../tls/authority.ts";
import { readUpstreamCas } from "../tls/upstream-cas.ts";

export interface LabSecret {
  name: string;
  value: string;
  hosts: string[];
  inBody?: boolean;
}

export interface LabOptions {
  policy?: Partial<PolicySpec>;
  secrets?: LabSecret[];
  /** Names, and the ports on 127.0.0.1 that they lead to. */
  hosts: Record<string, number>;
  passThrough?: string[];
  hooks?: Hooks;
  dnsServers?: string[];
  upstreamProxy?: string;
}

/** A CA that the proxy trusts, and its certificates for upstreams. */
export class Certificates {
  readonly file: string;
  readonly #leaves: LeafCertificates;

  private constructor(file: string, leaves: LeafCertificates) {
    this.file = file;
    this.#leaves = leaves;
  }

  static async make(dir: string): Promise<Certificates> {
    return new Certificates(join(dir, "ca.pem"), await LeafCertificates.create(await loadAuthority(dir)));
  }

  contextFor(name: string): Promise<SecureContext> {
    return this.#leaves.contextFor(name);
  }
}

export class Lab implements AsyncDisposable {
  readonly events: EgressEvent[] = [];
  readonly placeholders: Record<string, string> = {};
  readonly ca: string;
  sandbox!: Sandbox;
  readonly #guest: FakeGuest;
  readonly #port: Port;
  readonly #dir: string;
  readonly #sealer: Sealer;
  readonly #spec: EgressSpec;
  readonly #reported = new EventEmitter();

  /** @param certificates the CA that the proxy trusts */
  static async start(certificates: Certificates, options: LabOptions): Promise<Lab> {
    const dir = await mkdtemp(join(tmpdir(), "egress-proxy-"));
    const sealer = await Sealer.open(join(dir, "secrets.key"));
    const shared = await openShared({
      authority: await loadAuthority(dir),
      upstreamCas: await readUpstreamCas([certificates.file]),
      passThrough: options.passThrough ?? [],
      hooks: options.hooks ?? null,
    });
    return new Lab(
      dir,
      sealer,
      shared,
      await FakeGuest.listen(join(dir, "guest")),
      await readFile(join(dir, "ca.pem"), "utf8"),
      options,
    );
  }

  private constructor(dir: string, sealer: Sealer, shared: Shared, guest: FakeGuest, ca: string, options: LabOptions) {
    this.#dir = dir;
    this.#sealer = sealer;
    this.#guest = guest;
    this.ca = ca;
    this.#spec = {
      policy: { allow: Object.keys(options.hosts), deny: [], rules: [], ...options.policy },
      secrets: (options.secrets ?? []).map((secret) => this.#seal(secret)),
    };
    const dialer = new Dialer({
      hosts: Object.fromEntries(Object.entries(options.hosts).map(([name, port]) => [name, `127.0.0.1:${port}`])),
      dnsServers: options.dnsServers ?? ["127.0.0.1:9"],
      upstreamProxy: options.upstreamProxy ?? null,
    });
    const emit = (_id: string, event: EgressEvent) => {
      this.events.push(event);
      this.sandbox.acknowledge(1);
      this.#reported.emit("event");
    };
    this.sandbox = new Sandbox("sandbox", this.#spec, { sealer, dialer, emit });
    this.#port = new Port({
      sandbox: this.sandbox,
      socket: guest.socket,
      dialer,
      shared,
      violation: () => undefined,
      gone: () => undefined,
    });
  }

  /** Changes policy or secrets as a user would. */
  update(change: Partial<PolicySpec>, secrets?: LabSecret[]): void {
    Object.assign(this.#spec.policy, change);
    if (secrets) this.#spec.secrets = secrets.map((secret) => this.#seal(secret));
    this.sandbox.update(this.#spec);
  }

  /** Opens a connection from the guest to a name, or to `address:port`. */
  async open(host: string, port: number): Promise<Duplex> {
    const stream = /^[0-9.]+$|^\[/.test(host)
      ? await this.#guest.connect(`${host}:${port}`, "7 test")
      : await this.#guest.connectTo(host, port);
    stream.on("error", () => undefined);
    return stream;
  }

  /** The synthetic address that the guest gets for a name. */
  resolve(host: string): Promise<string | null> {
    return this.#guest.resolve(host);
  }

  /** The answer that the guest gets to a query; see {@link FakeGuest.lookUp}. */
  lookUp(name: string, type: string): ReturnType<FakeGuest["lookUp"]> {
    return this.#guest.lookUp(name, type);
  }

  /** Opens a UDP flow from the guest to an address; see {@link FakeGuest.udp}. */
  udp(address: string, port: number): ReturnType<FakeGuest["udp"]> {
    return this.#guest.udp(`${address}:${port}`);
  }

  /** Opens TLS from the guest over such a connection, trusting the installation's CA. */
  async openTls(host: string, port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const stream = await this.open(host, port);
    const tls = connectTls({
      socket: stream as never,
      host,
      servername: /^[0-9.[]/.test(host) ? "" : host,
      ca: this.ca,
      ...options,
    });
    tls.on("error", () => undefined);
    const failed = once(tls, "close").then(() => Promise.reject(new Error("closed during the handshake")));
    failed.catch(() => undefined);
    await Promise.race([once(tls, "secureConnect"), failed]);
    return tls;
  }

  /** Waits for this many events, not counting DNS queries. */
  async reports(count: number): Promise<Exclude<EgressEvent, { kind: "dns" }>[]> {
    for (;;) {
      const events = this.events.filter((event) => event.kind !== "dns");
      if (events.length >= count) return events;
      await once(this.#reported, "event", { signal: AbortSignal.timeout(10_000) });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#port[Symbol.dispose]();
    this.sandbox.close();
    await this.#guest[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #seal({ name, value, hosts, inBody = false }: LabSecret): EgressSpec["secrets"][number] {
    const placeholder = (this.placeholders[name] ??= newPlaceholder());
    return { name, placeholder, hosts, in: inBody ? ["body"] : [], sealed: this.#sealer.seal(value, placeholder) };
  }
}

/** Reads until the stream ends or is reset. */
export async function readAll(stream: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => undefined);
  stream.resume();
  if (!stream.destroyed && !stream.readableEnded)
    await new Promise<unknown>((resolve) => stream.once("end", resolve).once("close", resolve));
  return Buffer.concat(chunks).toString("latin1");
}

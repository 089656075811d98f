/** A guest's connection that carries HTTP: the host that its requests may address, and the upstream they go to. */
import type { Duplex } from "node:stream";
import { denial, dialFailure } from "../../dial/error.ts";
import { type Authority, authorityText, type HostRef, hostText, sameHost } from "../../policy/mod.ts";
import type { ConnectionContext } from "../connection/context.ts";
import type { Flow } from "../connection/flow.ts";
import type { ConnectionRecord } from "../connection/record.ts";
import { Refusal } from "../refusal.ts";
import { type CheckedHead, checkSite } from "./request/request-checks.ts";
import type { UpstreamConnection } from "./upstream.ts";

const HTTP_PORT = 80;

/** The target of a request. */
export interface Site {
  host: HostRef;
  port: number;
}

export interface HttpConnectionOptions extends ConnectionContext {
  scheme: "http" | "https";
  /** The target according to TLS or the guest's DNS query; null if only the requests can tell. */
  site: Site | null;
  /** Whether TLS is intercepted and the upstream's certificate is valid for the site's name: the condition for substituting secrets. */
  verified: boolean;
  /** The upstream connection of the flow, if there already is one. */
  upstream: { socket: Duplex; address: string } | null;
  /** The response to every request, if set. */
  refusal: Refusal | null;
}

export class HttpConnection {
  readonly context: ConnectionContext;
  readonly scheme: "http" | "https";
  readonly verified: boolean;
  readonly refusal: Refusal | null;
  /** The upstream's address, once connected. */
  address: string | null;
  #site: Site | null;
  #socket: Duplex | null;
  #upstream: Promise<UpstreamConnection> | null = null;
  #onClose: (() => void)[] = [];
  #closed = false;
  #release: (() => void) | null = null;

  constructor(options: HttpConnectionOptions) {
    const { scheme, site, verified, upstream, refusal } = options;
    this.context = options;
    this.scheme = scheme;
    this.verified = verified;
    this.refusal = refusal;
    this.address = upstream?.address ?? null;
    this.#socket = upstream?.socket ?? null;
    this.#site = null;
    if (site) this.#settle(site);
  }

  get flow(): Flow {
    return this.context.flow;
  }

  get record(): ConnectionRecord {
    return this.context.record;
  }

  /** The target of the connection, once known. */
  get site(): Site | null {
    return this.#site;
  }

  /**
   * The target of a request. On a connection to a bare address without TLS, the first request may give a name; all others must give
   * the same one.
   *
   * @throws {Refusal}
   */
  siteFor(authority: Authority | null): Site {
    if (this.#site) {
      checkSite(authority, this.#site);
      return this.#site;
    }
    const { host, port, sandbox } = this.flow;
    const site: Site = { host: authority?.host ?? host, port };
    checkSite(authority, site);
    if ("address" in site.host && !sameHost(site.host, host)) {
      throw Refusal.mismatch(`The request is for ${hostText(site.host)}, but its connection is to ${hostText(host)}.`);
    }
    const decision = sandbox.policy.decide(site.host, port);
    if (!decision.allowed) throw Refusal.denied(decision.reason, decision.rule);
    // Under an allow list, this connection is not used for the name: the guest chose its address.
    if (!sameHost(site.host, host) && sandbox.policy.restricted) {
      this.#socket?.destroy();
      this.#socket = null;
      this.address = null;
    }
    this.#settle(site);
    return site;
  }

  /**
   * The target of a request that uses the connection's host as an HTTP proxy: its request target is a URL for another host or port (RFC
   * 9112 §3.2.2). Null for any other request, and within TLS, where the proxy would see what is meant for its target.
   */
  targetBehind({ authority, absolute }: CheckedHead): Site | null {
    if (!absolute || !authority || this.scheme !== "http") return null;
    const proxy = this.#site ?? { host: this.flow.host, port: this.flow.port };
    const port = authority.port ?? HTTP_PORT;
    if (sameHost(authority.host, proxy.host) && (authority.port === null || port === proxy.port)) return null;
    // At a bare address, the URL's host may be the name of that address.
    if ("address" in proxy.host && port === proxy.port) return null;
    return { host: authority.host, port };
  }

  /**
   * The connection to the upstream, opened when first needed.
   *
   * @throws {Refusal}
   */
  upstream(site: Site, wrap: (socket: Duplex) => UpstreamConnection): Promise<UpstreamConnection> {
    return (this.#upstream ??= this.#connect(site, wrap));
  }

  /** A site's host, with its port unless that is the scheme's default. */
  authority(site: Site): string {
    return authorityText(site.host, site.port === (this.scheme === "https" ? 443 : HTTP_PORT) ? null : site.port);
  }

  /** A plain connection to the upstream, owned by the caller. */
  async socket(site: Site): Promise<Duplex> {
    const socket = this.#socket ?? (await this.#dial(site));
    this.#socket = null;
    return socket;
  }

  /** Calls the listener once, when the upstream accepts no more requests. */
  onUpstreamClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClose.push(listener);
  }

  get upstreamClosed(): boolean {
    return this.#closed;
  }

  /** Closes the upstream connection. */
  async close(): Promise<void> {
    this.#release?.();
    this.#socket?.destroy();
    await this.#upstream?.then(
      (upstream) => upstream.destroy(),
      () => undefined,
    );
  }

  /**
   * Sets the target of the connection. A connection to a bare address is not yet cut when policy denies the name that requests give, so
   * that is done here. It is also cut once there is an allow list.
   */
  #settle(site: Site): void {
    this.#site = site;
    const { sandbox, host, port } = this.flow;
    const socket = this.#socket;
    if (!socket || sameHost(site.host, host)) return;
    const decide = () => {
      const decision = sandbox.policy.decide(site.host, port);
      return decision.allowed && this.scheme === "http" && sandbox.policy.restricted
        ? {
            allowed: false,
            rule: null,
            reason: `With an allow list, ${hostText(site.host)} may only be reached at an address that the host resolved itself.`,
          }
        : decision;
    };
    this.#release = sandbox.hold(decide, (why) => socket.destroy(denial(why)));
  }

  async #connect(site: Site, wrap: (socket: Duplex) => UpstreamConnection): Promise<UpstreamConnection> {
    const upstream = wrap(await this.socket(site));
    upstream.onClose(() => {
      this.#closed = true;
      for (const listener of this.#onClose.splice(0)) listener();
    });
    return upstream;
  }

  async #dial(site: Site): Promise<Duplex> {
    if (this.scheme === "https") throw Refusal.failed("The connection to the upstream has ended.");
    try {
      const dialled = await this.flow.sandbox.dial(site.host, site.port, this.flow.signal);
      this.address = dialled.address;
      return dialled.socket;
    } catch (error) {
      throw dialRefusal(error, site);
    }
  }
}

/** The refusal for a failed dial after the guest's connection has been accepted. */
export function dialRefusal(error: unknown, site: Site): Refusal {
  const { denied, rule, message, errno } = dialFailure(error);
  if (denied) return Refusal.denied(message, rule);
  return Refusal.failed(`${hostText(site.host)} cannot be reached: ${message}`, errno === "ETIMEDOUT" ? 504 : 502);
}

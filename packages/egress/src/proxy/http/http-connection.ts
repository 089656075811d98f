/** A connection of a guest that carries HTTP: which host its requests may be for, and where they go. */
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
  /** What TLS or the guest's DNS query said; null when only requests can say it. */
  site: Site | null;
  /** Whether TLS was opened here, and the upstream showed a certificate for the site's name: the condition of putting secrets in. */
  verified: boolean;
  /** The connection that has been made for the flow, if there is one. */
  upstream: { socket: Duplex; address: string } | null;
  /** What every request is answered with. */
  refusal: Refusal | null;
}

export class HttpConnection {
  readonly context: ConnectionContext;
  readonly scheme: "http" | "https";
  readonly verified: boolean;
  readonly refusal: Refusal | null;
  /** The address of the upstream, once there is one. */
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

  /** Whom the connection is for, once that is known. */
  get site(): Site | null {
    return this.#site;
  }

  /**
   * Whom a request is for. The first request of a connection to a bare address, without TLS, may say a name; the others have to
   * say the same.
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
      throw Refusal.mismatch(`The request is for ${hostText(site.host)}, its connection is to ${hostText(host)}.`);
    }
    const decision = sandbox.policy.decide(site.host, port);
    if (!decision.allowed) throw Refusal.denied(decision.reason, decision.rule);
    // A connection that was not made to the name is not used for it under an allow list: the guest chose the address.
    if (!sameHost(site.host, host) && sandbox.policy.restricted) {
      this.#socket?.destroy();
      this.#socket = null;
      this.address = null;
    }
    this.#settle(site);
    return site;
  }

  /**
   * Whom a request is for that takes the connection's host for an HTTP proxy, by a URL for another host or port as its target (RFC 9112
   * §3.2.2). Null for any other request, and within TLS, where a proxy would get what is meant for its target.
   */
  targetBehind({ authority, absolute }: CheckedHead): Site | null {
    if (!absolute || !authority || this.scheme !== "http") return null;
    const proxy = this.#site ?? { host: this.flow.host, port: this.flow.port };
    const port = authority.port ?? HTTP_PORT;
    if (sameHost(authority.host, proxy.host) && (authority.port === null || port === proxy.port)) return null;
    // At a bare address, it may be the name of whom is meant there.
    if ("address" in proxy.host && port === proxy.port) return null;
    return { host: authority.host, port };
  }

  /**
   * The connection to the upstream, made when it is first needed.
   *
   * @throws {Refusal}
   */
  upstream(site: Site, wrap: (socket: Duplex) => UpstreamConnection): Promise<UpstreamConnection> {
    return (this.#upstream ??= this.#connect(site, wrap));
  }

  /** The host of a site, with its port where that is not the scheme's own. */
  authority(site: Site): string {
    return authorityText(site.host, site.port === (this.scheme === "https" ? 443 : HTTP_PORT) ? null : site.port);
  }

  /** A bare connection to the upstream, for what is not requests any more; it is the caller's. */
  async socket(site: Site): Promise<Duplex> {
    const socket = this.#socket ?? (await this.#dial(site));
    this.#socket = null;
    return socket;
  }

  /** Called once when the upstream takes no more requests. */
  onUpstreamClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClose.push(listener);
  }

  get upstreamClosed(): boolean {
    return this.#closed;
  }

  /** Ends what it holds. */
  async close(): Promise<void> {
    this.#release?.();
    this.#socket?.destroy();
    await this.#upstream?.then(
      (upstream) => upstream.destroy(),
      () => undefined,
    );
  }

  /**
   * Says whom the connection is for. A connection that was made to a bare address is not cut with the name that requests then said, so
   * that is seen to here; nor is it used for the name once there is an allow list.
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
            reason: `Under an allow list, ${hostText(site.host)} is reached at the address that the host finds for it.`,
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

/** What a guest is told of a dial that failed after its own connection had been accepted. */
export function dialRefusal(error: unknown, site: Site): Refusal {
  const { denied, rule, message, errno } = dialFailure(error);
  if (denied) return Refusal.denied(message, rule);
  return Refusal.failed(`${hostText(site.host)} cannot be reached: ${message}`, errno === "ETIMEDOUT" ? 504 : 502);
}

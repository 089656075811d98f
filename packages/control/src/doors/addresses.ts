import { hostName, TOKEN_PARAMETER } from "@sandkeep/doors";

/**
 * Names that people or programs expect to be the operator's, such as those where browsers and mail programs look for their settings. No
 * organisation may have one.
 */
const RESERVED = new Set(
  `account admin api app auth autoconfig autodiscover billing dashboard docs ftp help imap internal isatap localhost login mail
   mta-sts ns1 ns2 pop proxy root sandkeep security smtp sso static status support webmail wpad www`.split(/\s+/),
);

/** Names of revisions of apps begin with this. */
export const REVISION_PREFIX = "rev-";

/** How doors and apps are called from outside. */
export class Addresses {
  /** Names of doors have this behind them. */
  readonly domain: string;
  /** Host names in the domain that are the server's own, in lower case. */
  readonly own: ReadonlySet<string>;
  /** Port at which visitors reach the gateway; known once it listens. */
  port = 0;

  /** @param own host names and addresses of the server itself, wherever they are */
  constructor(domain: string, own: readonly string[] = []) {
    this.domain = domain.toLowerCase();
    this.own = new Set(own.map((host) => host.toLowerCase()).filter((host) => this.nameIn(host) !== null));
  }

  /** Whether an organisation may have this name. */
  isFree(name: string): boolean {
    return !RESERVED.has(name) && !name.startsWith(REVISION_PREFIX) && !this.own.has(this.host(name));
  }

  /** Host name of a door. */
  host(name: string): string {
    return `${name}.${this.domain}`;
  }

  /** The same with the port, if it is not the usual one. */
  authority(name: string): string {
    return this.host(name) + (this.port === 443 ? "" : `:${this.port}`);
  }

  /** All that a visitor needs. */
  url(name: string, token: string | null = null): string {
    return `https://${this.authority(name)}${token === null ? "" : `/?${TOKEN_PARAMETER}=${token}`}`;
  }

  /** The name of the door with this host name, with a port or without; null if it cannot be one. */
  nameIn(authority: string): string | null {
    const host = hostName(authority);
    return host?.endsWith(`.${this.domain}`) ? host.slice(0, -this.domain.length - 1) : null;
  }
}

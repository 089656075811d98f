import { hostName, TOKEN_PARAMETER } from "@sandkeep/doors";

/** How doors are called from outside. */
export class Addresses {
  /** Names of doors have this behind them. */
  readonly domain: string;
  /** Port at which visitors reach the gateway; known once it listens. */
  port = 0;

  constructor(domain: string) {
    this.domain = domain.toLowerCase();
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

import type { IncomingMessage } from "node:http";
import { isIP, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Logger } from "@sandkeep/common";
import { TERMINAL_PATH, type TerminalDoor, TerminalSite, Terminals } from "@sandkeep/doors";
import type { TerminalLink } from "@sandkeep/protocol";
import type { Authenticator, Principal } from "../../auth/authenticator.ts";
import type { Config } from "../../config/schema.ts";
import type { Sandboxes } from "../../sandboxes/sandboxes.ts";
import { ownNames } from "../../tls/own-names.ts";
import { SandboxTerminal } from "./sandbox-terminal.ts";

export interface TerminalServiceOptions {
  config: Config;
  authenticator: Authenticator;
  sandboxes: Pick<Sandboxes, "get">;
  log: Logger;
}

/** Terminals in the browser, and links to them. */
export class TerminalService implements AsyncDisposable {
  readonly site: TerminalSite;
  readonly #options: TerminalServiceOptions;
  readonly #terminals: Terminals;
  readonly #names: ReadonlySet<string>;

  constructor(options: TerminalServiceOptions) {
    const { config, log } = options;
    this.#options = options;
    this.#names = new Set(ownNames(config).map((name) => name.toLowerCase()));
    this.#terminals = new Terminals({ log });
    this.site = new TerminalSite({
      terminals: this.#terminals,
      isOwn: (authority) => this.#isOwn(authority),
      isOwnOrigin: (origin) => config.publicUrl !== undefined && origin === config.publicUrl,
      log,
    });
  }

  /**
   * A link that opens a terminal once. It is for the name under which whoever asks for it reaches the server.
   *
   * @throws {ApiError} `SANDBOX_NOT_FOUND`, `SANDBOX_PAUSED`, `CHANGED_MEANWHILE`, `TERMINAL_LIMIT`
   */
  link(id: string, principal: Principal, request: IncomingMessage): TerminalLink {
    const { sandboxes } = this.#options;
    const { id: sandboxId } = sandboxes.get(id, principal);
    const { token, expiresAt } = this.#terminals.invite({
      sandboxId,
      organisation: principal.organisation.id,
      enter: () => this.#enter(sandboxId, principal),
    });
    // Fragments are neither sent nor logged, and programs that look at links in messages do not use them up.
    const url = `${this.#originFor(request)}${TERMINAL_PATH}#${token}`;
    return { url, expiresAt: new Date(expiresAt).toISOString() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#terminals[Symbol.asyncDispose]();
  }

  async #enter(id: string, principal: Principal): Promise<TerminalDoor> {
    const { authenticator, sandboxes } = this.#options;
    const lease = await authenticator.lease(principal);
    try {
      return new SandboxTerminal(sandboxes.get(id, principal).doors, lease, principal.token.id);
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  #originFor({ headers: { host = "" }, socket }: IncomingMessage): string {
    const { publicUrl } = this.#options.config;
    if (publicUrl !== undefined) return publicUrl;
    const scheme = (socket as Socket & Partial<TLSSocket>).encrypted ? "https" : "http";
    return `${scheme}://${this.#isOwn(host) ? host : addressOf(socket)}`;
  }

  /** Addresses are fine: they mean the same to everybody. Names can be anybody's. */
  #isOwn(authority: string): boolean {
    const name = /^[\w.:[\]-]+$/.test(authority) ? URL.parse(`http://${authority}`)?.hostname : undefined;
    if (name === undefined) return false;
    const bare = name.replace(/^\[|\]$/g, "");
    return isIP(bare) !== 0 || this.#names.has(bare.replace(/\.$/, ""));
  }
}

/** The server's end of a connection. */
function addressOf({ localAddress = "127.0.0.1", localPort }: Socket): string {
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/, "");
  return `${isIP(address) === 6 ? `[${address}]` : address}:${localPort}`;
}

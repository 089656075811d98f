import { createHash } from "node:crypto";
import type { Logger } from "@sandkeep/common";
import { ApiError, randomText } from "@sandkeep/protocol";
import type { PageConnection } from "./connection.ts";
import type { Farewell, TerminalInvitation } from "./contract.ts";
import {
  LINK_MS,
  MAX_TERMINALS,
  MAX_TERMINALS_PER_ORGANISATION,
  MAX_TERMINALS_PER_SANDBOX,
  START_MS,
} from "./limits.ts";
import { CLOSE, type Hello } from "./messages.ts";
import { Terminal } from "./terminal.ts";

/** 5 bits each: 200 random bits. */
const SECRET_LENGTH = 40;
const ID_LENGTH = 20;
/** The type of terminal that the page is. */
const TERM = "xterm-256color";

const LINK_INVALID: Farewell = { code: CLOSE.linkInvalid, reason: "This link has been used already, or has expired." };
const SHELL_GONE: Farewell = { code: CLOSE.shellGone, reason: "The shell has ended." };
export const STOPPING: Farewell = { code: CLOSE.stopping, reason: "The server is being stopped." };
const INTERNAL: Farewell = { code: CLOSE.notStarted, reason: "The server failed. Its log says why." };
/** A close message has room for 123 bytes. */
const MAX_REASON_BYTES = 123;
/** The sandbox may have written what the log says about its failure. */
const MAX_LOGGED = 4_000;

/** What takes a place: a link, and then its terminal. */
interface Place {
  sandboxId: string;
  organisation: string;
}

interface Link {
  invitation: TerminalInvitation;
  place: Place;
  expiresAt: number;
  timer: NodeJS.Timeout;
}

export interface TerminalsOptions {
  log: Logger;
  /** See {@link TerminalOptions}. */
  detachedMs?: number;
  /** How long a link is valid, in milliseconds. */
  linkMs?: number;
}

/** All web terminals, and the links that lead to new ones. */
export class Terminals implements AsyncDisposable {
  readonly #options: TerminalsOptions;
  readonly #places = new Set<Place>();
  /** By the hash of the token. */
  readonly #links = new Map<string, Link>();
  /** By the hash of the secret. */
  readonly #terminals = new Map<string, Terminal>();
  /** Pages whose shell is being started. */
  readonly #starting = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: TerminalsOptions) {
    this.#options = options;
  }

  /** Aborted when the server stops. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Makes a link that works once.
   *
   * @throws {ApiError} `TERMINAL_LIMIT`
   */
  invite(invitation: TerminalInvitation): { token: string; expiresAt: number } {
    const { sandboxId, organisation } = invitation;
    this.#checkRoom(invitation);
    const token = randomText(SECRET_LENGTH);
    const key = hashed(token);
    const place = { sandboxId, organisation };
    const { linkMs = LINK_MS } = this.#options;
    this.#places.add(place);
    const expiresAt = Date.now() + linkMs;
    this.#offer(key, invitation, place, expiresAt);
    return { token, expiresAt };
  }

  #offer(key: string, invitation: TerminalInvitation, place: Place, expiresAt: number): void {
    const expire = () => {
      this.#links.delete(key);
      this.#places.delete(place);
    };
    const timer = setTimeout(expire, Math.max(0, expiresAt - Date.now())).unref();
    this.#links.set(key, { invitation, place, expiresAt, timer });
  }

  /** Gives a page the shell that it asks for, or sends it away. */
  async serve(page: PageConnection): Promise<void> {
    const hello = await page.hello;
    if (!hello) return;
    if (this.#closing.signal.aborted) return page.close(STOPPING);
    if (hello.type === "resume") {
      const terminal = this.#terminals.get(hashed(hello.secret));
      if (terminal && !terminal.isOver) terminal.resume(page, hello.received, hello);
      else page.close(SHELL_GONE);
      return;
    }
    const starting = this.#open(page, hello);
    this.#starting.add(starting);
    await starting.finally(() => this.#starting.delete(starting));
  }

  /** Ends all of them, and resolves when nothing is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const { timer } of this.#links.values()) clearTimeout(timer);
    this.#links.clear();
    await Promise.allSettled(this.#starting);
    const terminals = [...this.#terminals.values()];
    for (const terminal of terminals) terminal.end(STOPPING);
    await Promise.allSettled(terminals.map(({ over }) => over));
  }

  async #open(page: PageConnection, hello: Hello & { type: "open" }): Promise<void> {
    const key = hashed(hello.token);
    const link = this.#links.get(key);
    if (!link) return page.close(LINK_INVALID);
    // Before any wait: a link works once.
    this.#links.delete(key);
    clearTimeout(link.timer);
    let isGone = false;
    void page.closed.then(() => {
      isGone = true;
    });
    let terminal: Terminal;
    try {
      terminal = await this.#start(page, link.invitation, hello);
    } catch (error) {
      const isStopping = this.#closing.signal.aborted;
      // Its page has lost its connection, or was loaded again, before it got the shell: nobody has used the link yet.
      if (isGone && !isStopping) return this.#offer(key, link.invitation, link.place, link.expiresAt);
      this.#places.delete(link.place);
      return page.close(isStopping ? STOPPING : this.#notStarted(error));
    }
    const secret = randomText(SECRET_LENGTH);
    this.#terminals.set(hashed(secret), terminal);
    void terminal.over
      .catch((error: unknown) => this.#options.log.error({ err: error }, "a web terminal failed"))
      .then(() => {
        this.#terminals.delete(hashed(secret));
        this.#places.delete(link.place);
      });
    terminal.open(page, secret);
  }

  async #start(page: PageConnection, invitation: TerminalInvitation, { cols, rows }: Hello): Promise<Terminal> {
    const door = await invitation.enter();
    const gone = new AbortController();
    void page.closed.then(() => gone.abort());
    try {
      const signal = AbortSignal.any([gone.signal, this.#closing.signal, AbortSignal.timeout(START_MS)]);
      const process = await door.spawn({ cols, rows, term: TERM }, signal);
      if (signal.aborted) {
        void process.abandon();
        signal.throwIfAborted();
      }
      const { detachedMs } = this.#options;
      return new Terminal({
        id: `term_${randomText(ID_LENGTH)}`,
        door,
        process,
        ...(detachedMs !== undefined && { detachedMs }),
      });
    } catch (error) {
      door[Symbol.dispose]();
      throw error;
    }
  }

  #notStarted(error: unknown): Farewell {
    const stack = String(error instanceof Error ? error.stack : error).slice(0, MAX_LOGGED);
    if (!(error instanceof ApiError)) this.#options.log.warn({ stack }, "no shell could be started");
    if (!(error instanceof Error)) return INTERNAL;
    return { code: CLOSE.notStarted, reason: clipped(error.message) };
  }

  #checkRoom({ sandboxId, organisation }: Place): void {
    const all = [...this.#places];
    const ofSandbox = all.filter((place) => place.sandboxId === sandboxId).length;
    const ofOrganisation = all.filter((place) => place.organisation === organisation).length;
    if (ofSandbox >= MAX_TERMINALS_PER_SANDBOX)
      throw new ApiError("TERMINAL_LIMIT", `The sandbox has ${MAX_TERMINALS_PER_SANDBOX} web terminals already.`);
    if (ofOrganisation >= MAX_TERMINALS_PER_ORGANISATION)
      throw new ApiError(
        "TERMINAL_LIMIT",
        `The organisation has ${MAX_TERMINALS_PER_ORGANISATION} web terminals already.`,
      );
    if (all.length >= MAX_TERMINALS)
      throw new ApiError("TERMINAL_LIMIT", `The server has ${MAX_TERMINALS} web terminals already.`);
  }
}

const hashed = (secret: string) => createHash("sha256").update(secret).digest("base64");

/** The beginning of a text that fits into a close message. The text may be very long. */
function clipped(text: string): string {
  let short = text.slice(0, MAX_REASON_BYTES + 1);
  while (Buffer.byteLength(short) > MAX_REASON_BYTES) short = `${short.slice(0, -2)}…`;
  return short;
}

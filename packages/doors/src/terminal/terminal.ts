import { setTimeout as wait } from "node:timers/promises";
import { abandon } from "../ssh/abandon.ts";
import type { SshExit, SshProcess } from "../ssh/contract.ts";
import { Allowance } from "./allowance.ts";
import type { PageConnection } from "./connection.ts";
import type { Farewell, TerminalDoor, TerminalReport } from "./contract.ts";
import { Input } from "./input.ts";
import { DETACHED_MS, LOST_MS, MAX_RETURNS, OUTPUT_WINDOW_BYTES, PIECE_BYTES, RETURN_MS } from "./limits.ts";
import { CLOSE, type PageMessage } from "./messages.ts";
import { Scrollback } from "./scrollback.ts";

const SHELL_ENDED: Farewell = { code: CLOSE.ended, reason: "The shell has ended." };
const ABANDONED: Farewell = { code: CLOSE.shellGone, reason: "Nobody came back to the shell." };
const LOST: Farewell = { code: CLOSE.shellGone, reason: "The sandbox is out of reach." };
const TOO_OFTEN: Farewell = { code: CLOSE.tooOften, reason: "The page has come back too often." };
const TAKEN_OVER: Farewell = { code: CLOSE.takenOver, reason: "This terminal was opened elsewhere." };

export interface Size {
  cols: number;
  rows: number;
}

export interface TerminalOptions {
  id: string;
  door: TerminalDoor;
  process: SshProcess;
  /** How long the shell lives without a page, in milliseconds. */
  detachedMs?: number;
}

/** A shell for a page, which may be away for a while. */
export class Terminal {
  readonly id: string;
  /** Resolves when it is over and nothing of it is left. */
  readonly over: Promise<void>;
  readonly #door: TerminalDoor;
  readonly #process: SshProcess;
  readonly #detachedMs: number;
  readonly #scrollback = new Scrollback();
  readonly #input: Input;
  readonly #startedAt = performance.now();
  readonly #returns = new Allowance(MAX_RETURNS, RETURN_MS);
  #page: PageConnection | null = null;
  #remote = "";
  /** Positions in the output: what the page has been sent, and what it has drawn of that. */
  #sent = 0;
  #drawn = 0;
  /** What any page has been sent. */
  #seen = 0;
  #detached: NodeJS.Timeout | null = null;
  #late: NodeJS.Timeout | null = null;
  /** How the shell has ended by itself. */
  #exit: SshExit | null = null;
  /** Why it is over. */
  #farewell: Farewell | null = null;
  readonly #ended = Promise.withResolvers<void>();
  /** How the shell has ended that nobody wants any more. */
  #abandoned: Promise<SshExit | null> | null = null;
  /** Lets the shell print more. */
  #goOn: () => void = () => {};
  /** The size that the shell is still to get: only the last one counts. */
  #size: Size | null = null;
  #resizing = false;

  constructor({ id, door, process, detachedMs = DETACHED_MS }: TerminalOptions) {
    this.id = id;
    this.#door = door;
    this.#process = process;
    this.#detachedMs = detachedMs;
    this.#input = new Input(process.stdin, (bytes) => this.#page?.send({ type: "taken", bytes }));
    this.over = this.#run();
  }

  get isOver(): boolean {
    return this.#farewell !== null;
  }

  /** The page that has used the link gets the shell. */
  open(page: PageConnection, secret: string): void {
    page.send({ type: "opened", sandbox: this.#door.sandboxId, secret });
    this.#attach(page);
    this.#report({ action: "open" });
  }

  /**
   * A page comes back, or another one of the same person.
   *
   * @param received how many bytes of the output it has
   */
  resume(page: PageConnection, received: number, size: Size): void {
    if (!this.#returns.take()) return page.close(TOO_OFTEN);
    const { begin, end, entry } = this.#scrollback;
    const from = received >= begin && received <= end ? received : entry;
    const [seen, typed] = [this.#seen, this.#input.received];
    page.send({ type: "resumed", sandbox: this.#door.sandboxId, from, seen, typed });
    this.#sent = this.#drawn = from;
    this.#attach(page);
    this.#resize(size);
    this.#report({ action: "return" });
  }

  /** Ends it, with its shell. */
  end(farewell: Farewell): void {
    if (this.#farewell) return;
    this.#dismiss(farewell);
    if (!this.#exit) this.#abandoned = abandon(this.#process);
    this.#ended.resolve();
    this.#goOn();
  }

  #dismiss(farewell: Farewell): void {
    this.#farewell = farewell;
    clearTimeout(this.#detached ?? undefined);
    clearTimeout(this.#late ?? undefined);
    this.#page?.close(farewell);
    this.#page = null;
  }

  #attach(page: PageConnection): void {
    if (this.#farewell) return page.close(this.#farewell);
    this.#page?.close(TAKEN_OVER);
    clearTimeout(this.#detached ?? undefined);
    this.#page = page;
    this.#remote = page.remote;
    page.serve({
      input: (bytes) => this.#input.push(bytes) || page.violation(),
      message: (message) => this.#take(page, message),
    });
    void page.closed.then(() => this.#detach(page));
    this.#input.tell();
    this.#send();
    this.#goOn();
  }

  #detach(page: PageConnection): void {
    if (this.#page !== page || this.#farewell) return;
    this.#page = null;
    this.#detached = setTimeout(() => this.end(ABANDONED), this.#detachedMs);
    this.#goOn();
  }

  #take(page: PageConnection, message: PageMessage): void {
    switch (message.type) {
      case "drawn":
        if (message.bytes > this.#sent) return page.violation();
        this.#drawn = Math.max(this.#drawn, message.bytes);
        this.#send();
        return this.#goOn();
      case "resize":
        return this.#resize(message);
    }
  }

  /** Sends what has been printed, as far as the page keeps up. */
  #send(): void {
    const { end } = this.#scrollback;
    while (this.#page && this.#sent < end && !this.#isBehind(this.#sent)) {
      const to = Math.min(end, this.#sent + PIECE_BYTES);
      this.#page.print(this.#scrollback.slice(this.#sent, to));
      this.#sent = to;
    }
    this.#seen = Math.max(this.#seen, this.#sent);
  }

  /** Whether a page that has been sent so much has too much left to draw. */
  #isBehind(sent: number): boolean {
    return sent - this.#drawn >= OUTPUT_WINDOW_BYTES;
  }

  /** Waits until the page is ready for more. Without a page, the shell goes on. */
  async #room(): Promise<void> {
    while (this.#page && this.#isBehind(this.#scrollback.end)) await this.#change();
  }

  /** Waits until another page is there, or none, or the one that is there has drawn something, or it is over. */
  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
  }

  #resize({ cols, rows }: Size): void {
    this.#size = { cols, rows };
    void this.#applySize();
  }

  /** One after the other: a page may send thousands a second, and each is a question to the sandbox. */
  async #applySize(): Promise<void> {
    if (this.#resizing) return;
    this.#resizing = true;
    while (this.#size && !this.#farewell && !this.#exit) {
      const { cols, rows } = this.#size;
      this.#size = null;
      await this.#process.resize(cols, rows);
    }
    this.#resizing = false;
  }

  async #run(): Promise<void> {
    using _door = this.#door;
    // At once if the sandbox has ended while the shell was started.
    using _watch = this.#door.onClose((farewell) => this.end(farewell));
    let exit: SshExit | null = null;
    let lost = false;
    void this.#process.exited.then(() => this.#limit()).catch(() => {});
    try {
      await this.#print();
      exit = await (this.#abandoned ?? this.#process.exited);
    } catch {
      // Its machine has ended, or breaks its contract: somebody is about to say which, and what that means for the sandbox.
      await Promise.race([this.#ended.promise, wait(LOST_MS, null, { ref: false })]);
      lost = !this.#abandoned;
      exit = await this.#abandoned;
    }
    const farewell = lost ? LOST : this.#farewell;
    const reason = farewell && farewell !== SHELL_ENDED ? farewell.reason : null;
    if (lost) this.end(LOST);
    this.#report({ action: "close", exit, durationMs: Math.round(performance.now() - this.#startedAt), reason });
    if (exit && !this.#farewell) await this.#show(exit);
  }

  /** Shows the rest to a page that is there, or comes back in time, and how the shell has ended. */
  async #show(exit: SshExit): Promise<void> {
    this.#exit = exit;
    while (!this.#farewell) {
      const page = this.#page;
      if (!page || this.#isBehind(this.#scrollback.end)) await this.#change();
      else {
        page.send({ type: "exit", code: exit.code, signal: exit.signal });
        page.close(SHELL_ENDED);
        // A page whose connection breaks before it has got that comes back.
        if (await page.closed) this.end(SHELL_ENDED);
      }
    }
  }

  /** There is a time for all who look at what is left, also for a page that is there but draws nothing. */
  #limit(): void {
    if (!this.#farewell) this.#late = setTimeout(() => this.end(SHELL_ENDED), this.#detachedMs);
  }

  /** Passes on all that the shell prints. */
  async #print(): Promise<void> {
    for await (const { bytes } of this.#process.output)
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        this.#scrollback.push(bytes.subarray(at, at + PIECE_BYTES));
        this.#send();
        await this.#room();
        if (this.#farewell) return;
      }
  }

  #report(report: Reported): void {
    this.#door.report({ terminal: this.id, remote: this.#remote, ...report });
  }
}

type Reported = TerminalReport extends infer Each
  ? Each extends TerminalReport
    ? Omit<Each, "terminal" | "remote">
    : never
  : never;

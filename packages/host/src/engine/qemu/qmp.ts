/** QEMU's machine protocol: JSON lines on a unix socket. https://www.qemu.org/docs/master/interop/qmp-spec.html */
import { connect, type Socket } from "node:net";
import { LineReader } from "@sandkeep/common";

/** Longest line, in bytes: QEMU's lines are short, so a longer one is not QEMU's. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

/**
 * QEMU answers within milliseconds, on a busy computer more slowly. One that was taken over may never answer. It executes
 * one command after the other, so a command's time begins when those before it are answered.
 */
const ANSWER_TIMEOUT_MS = 30_000;

export interface QmpEvent {
  event: string;
  data?: Record<string, unknown>;
}

type Pending = { command: string; resolve(value: unknown): void; reject(error: Error): void };

export class QmpError extends Error {
  override name = "QmpError";
}

export interface QmpOptions {
  /** How long an answer may take. Default {@link ANSWER_TIMEOUT_MS}. */
  timeoutMs?: number;
  /**
   * Path of another monitor of the process. If an answer came too late, so that the connection is closed, the next command
   * goes there: a computer that is too busy does not make a machine unmanageable for good.
   */
  another?: string;
}

/** A connection to one QEMU process; it closes when the process ends. */
export class Qmp {
  readonly #timeoutMs: number;
  readonly #another: string | undefined;
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #socket!: Socket;
  #pending: Pending[] = [];
  #late: NodeJS.Timeout | undefined;
  #closed!: Promise<void>;
  #isLate = false;
  #reconnecting: Promise<void> | undefined;
  #isOver = false;

  private constructor(socket: Socket, { timeoutMs = ANSWER_TIMEOUT_MS, another }: QmpOptions) {
    this.#timeoutMs = timeoutMs;
    this.#another = another;
    this.#use(socket);
  }

  #use(socket: Socket): void {
    const lines = new LineReader(MAX_LINE_BYTES);
    const pending: Pending[] = [];
    socket.on("data", (bytes: Buffer) => this.#receive(socket, lines.push(bytes), pending));
    socket.on("error", () => {});
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
    void this.#closed.then(() => {
      if (this.#socket === socket) clearTimeout(this.#late);
      for (const { reject } of pending.splice(0)) reject(new QmpError("QEMU ended."));
    });
    this.#socket = socket;
    this.#pending = pending;
    this.#isLate = false;
  }

  /** Connects to a socket on which QEMU listens, and leaves negotiation mode. */
  static async connect(path: string, options: QmpOptions = {}): Promise<Qmp> {
    return Qmp.over(await connected(path), options);
  }

  /** Speaks over a connected socket; resolves when QEMU is up and listens. */
  static async over(socket: Socket, options: QmpOptions = {}): Promise<Qmp> {
    const qmp = new Qmp(socket, options);
    await qmp.#send("qmp_capabilities");
    return qmp;
  }

  /** Whether it was closed because an answer came too late, which says nothing about the process. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Resolves when the connection is closed. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /**
   * @throws {QmpError} with QEMU's message, or if QEMU exits or does not answer in time; the connection is then closed
   */
  async execute(command: string, args?: Record<string, unknown>): Promise<unknown> {
    if (this.#isLate && !this.#isOver && this.#another !== undefined)
      await (this.#reconnecting ??= this.#reconnect(this.#another).finally(() => (this.#reconnecting = undefined)));
    return await this.#send(command, args);
  }

  async #reconnect(path: string): Promise<void> {
    const socket = await connected(path).catch((cause: unknown) => {
      throw new QmpError("QEMU ended.", { cause });
    });
    if (this.#isOver) socket.destroy();
    this.#use(socket);
    await this.#send("qmp_capabilities");
  }

  async #send(command: string, args?: Record<string, unknown>): Promise<unknown> {
    const [socket, pending] = [this.#socket, this.#pending];
    if (socket.destroyed) throw new QmpError("QEMU ended.");
    const { promise: answered, resolve, reject } = Promise.withResolvers<unknown>();
    pending.push({ command, resolve, reject });
    socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }) })}\n`);
    if (pending.length === 1) this.#watch(socket, pending);
    return await answered;
  }

  /** Gives the first command that waits its time. */
  #watch(socket: Socket, pending: Pending[]): void {
    clearTimeout(this.#late);
    const [first] = pending;
    if (!first) return;
    this.#late = setTimeout(() => {
      for (const { reject } of pending.splice(0))
        reject(new QmpError(`QEMU did not answer ${first.command} within ${this.#timeoutMs / 1_000} s.`));
      if (socket.destroyed) return;
      this.#isLate = true;
      socket.destroy();
    }, this.#timeoutMs);
  }

  /**
   * Resolves with the first event that matches. Call it before the command that causes the event.
   *
   * @throws {QmpError} if QEMU exits, or the event does not come in time
   */
  async waitFor(matches: (event: QmpEvent) => boolean, timeoutMs: number): Promise<QmpEvent> {
    const { promise, resolve, reject } = Promise.withResolvers<QmpEvent>();
    const listener = (event: QmpEvent) => {
      if (matches(event)) resolve(event);
    };
    this.#listeners.add(listener);
    void this.#closed.then(() => reject(new QmpError("QEMU ended.")));
    const timer = setTimeout(
      () => reject(new QmpError(`QEMU did not report the end of a command within ${timeoutMs / 1_000} s.`)),
      timeoutMs,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    }
  }

  /** Calls a function with every event from now on. */
  onEvent(listener: (event: QmpEvent) => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #receive(socket: Socket, lines: Iterable<string>, pending: Pending[]): void {
    try {
      for (const line of lines) {
        const first = pending[0];
        this.#message(JSON.parse(line), pending);
        if (pending[0] !== first) this.#watch(socket, pending);
      }
    } catch {
      socket.destroy();
    }
  }

  #message(message: Record<string, unknown>, pending: Pending[]): void {
    if ("event" in message) {
      for (const listener of this.#listeners) listener(message as unknown as QmpEvent);
    } else if ("return" in message) {
      pending.shift()?.resolve(message.return);
    } else if ("error" in message) {
      const error = message.error as { desc?: string };
      pending.shift()?.reject(new QmpError(error.desc ?? "QEMU refused a command."));
    }
  }
}

async function connected(path: string): Promise<Socket> {
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return socket;
}

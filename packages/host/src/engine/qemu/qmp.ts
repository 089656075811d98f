/** QEMU's machine protocol: JSON lines on a unix socket. https://www.qemu.org/docs/master/interop/qmp-spec.html */
import { connect, type Socket } from "node:net";
import { LineReader } from "@sandkeep/common";

/** Longest line, in bytes: QEMU's lines are short, so a longer one is not QEMU's. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

/** QEMU answers within milliseconds, on a busy computer more slowly. One that was taken over may never answer. */
const ANSWER_TIMEOUT_MS = 30_000;

export interface QmpEvent {
  event: string;
  data?: Record<string, unknown>;
}

type Pending = { resolve(value: unknown): void; reject(error: Error): void };

export class QmpError extends Error {
  override name = "QmpError";
}

/** A connection to one QEMU process; it closes when the process ends. */
export class Qmp {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #pending: Pending[] = [];
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #lines = new LineReader(MAX_LINE_BYTES);
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    void this.closed.then(() => {
      for (const { reject } of this.#pending.splice(0)) reject(new QmpError("QEMU ended."));
    });
    socket.on("error", () => {});
  }

  /** Connects to a socket on which QEMU listens, and leaves negotiation mode. */
  static async connect(path: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<Qmp> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return Qmp.over(socket, timeoutMs);
  }

  /** Speaks over a connected socket; resolves when QEMU is up and listens. */
  static async over(socket: Socket, timeoutMs = ANSWER_TIMEOUT_MS): Promise<Qmp> {
    const qmp = new Qmp(socket, timeoutMs);
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /**
   * @throws {QmpError} with QEMU's message, or if QEMU exits or does not answer in time; the connection is then closed
   */
  async execute(command: string, args?: Record<string, unknown>): Promise<unknown> {
    if (this.#socket.destroyed) throw new QmpError("QEMU ended.");
    const answered = new Promise<unknown>((resolve, reject) => this.#pending.push({ resolve, reject }));
    this.#socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }) })}\n`);
    const timer = setTimeout(() => {
      for (const { reject } of this.#pending.splice(0))
        reject(new QmpError(`QEMU did not answer ${command} within ${this.#timeoutMs / 1_000} s.`));
      this.#socket.destroy();
    }, this.#timeoutMs);
    try {
      return await answered;
    } finally {
      clearTimeout(timer);
    }
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
    void this.closed.then(() => reject(new QmpError("QEMU ended.")));
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
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): void {
    try {
      for (const line of this.#lines.push(bytes)) this.#message(JSON.parse(line));
    } catch {
      this.#socket.destroy();
    }
  }

  #message(message: Record<string, unknown>): void {
    if ("event" in message) {
      for (const listener of this.#listeners) listener(message as unknown as QmpEvent);
    } else if ("return" in message) {
      this.#pending.shift()?.resolve(message.return);
    } else if ("error" in message) {
      const error = message.error as { desc?: string };
      this.#pending.shift()?.reject(new QmpError(error.desc ?? "QEMU refused a command."));
    }
  }
}

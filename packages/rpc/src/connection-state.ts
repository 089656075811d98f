import { setMaxListeners } from "node:events";
import type { Logger } from "@sandkeep/common";
import type { Guest } from "@sandkeep/host";
import type { Activity } from "@sandkeep/protocol";
import { Aborts } from "./aborts.ts";
import { applicationError } from "./errors.ts";
import { FileHandle } from "./files/file-handle.ts";
import type { ReadAheadBudget } from "./files/read-ahead.ts";
import type { RpcLimits } from "./limits.ts";
import { Runs } from "./processes/runs.ts";
import type { SandboxState } from "./sandbox-state.ts";
import { ByteBudget } from "./streams/byte-budget.ts";
import type { InboundStreams } from "./streams/inbound-stream.ts";
import { OutboundStreams } from "./streams/outbound-stream.ts";
import type { Outbox } from "./streams/outbox.ts";

/**
 * Lets an address of the sandbox lead to a port, or to the HTTP server of a Deno process.
 *
 * @param domain the address, as the REST API gave it
 * @throws {ApiError}
 */
export type ExposeHttp = (domain: string, target: { port: number } | { pid: number }) => Promise<void>;

export interface ConnectionStateOptions {
  sandbox: SandboxState;
  outbox: Outbox;
  inbound: InboundStreams;
  limits: RpcLimits;
  log: Logger;
  emit: (activity: Activity) => void;
  exposeHttp: ExposeHttp;
}

/** What one connection has: streams, open files, processes, operations that can be aborted, and access to the guest. Methods work on it. */
export class ConnectionState {
  readonly sandbox: SandboxState;
  readonly guest: Guest;
  readonly outbox: Outbox;
  readonly inbound: InboundStreams;
  readonly outbound: OutboundStreams;
  readonly limits: RpcLimits;
  readonly log: Logger;
  readonly emit: (activity: Activity) => void;
  readonly exposeHttp: ExposeHttp;
  readonly aborts = new Aborts();
  readonly runs = new Runs();
  /** Memory for results that are held in memory as a whole. */
  readonly heldResults: ByteBudget;
  readonly #readAhead: ReadAheadBudget;
  /** Called once each when the connection ends. */
  readonly #onClose = new Set<() => void>();
  readonly #handles = new Map<number, FileHandle>();
  readonly #controller = new AbortController();

  constructor(options: ConnectionStateOptions) {
    this.sandbox = options.sandbox;
    this.guest = options.sandbox.guest;
    this.outbox = options.outbox;
    this.inbound = options.inbound;
    this.outbound = new OutboundStreams(options.outbox);
    this.limits = options.limits;
    this.log = options.log;
    this.emit = options.emit;
    this.exposeHttp = options.exposeHttp;
    this.#readAhead = { used: 0, total: options.limits.readAheadTotalBytes };
    this.heldResults = new ByteBudget(options.limits.heldResultBytes);
    // Every pending operation listens to it.
    setMaxListeners(0, this.#controller.signal);
  }

  /** Aborted when the connection ends. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Registers a listener for the end of the connection; returns a function that removes it. */
  onClose(listener: () => void): () => void {
    this.#onClose.add(listener);
    return () => this.#onClose.delete(listener);
  }

  /** Keeps a file that was opened. */
  addHandle(id: number, path: string): FileHandle {
    const { readAheadBytes, readAheadAgeMs } = this.limits;
    const handle = new FileHandle(this.guest, id, path, {
      pieceBytes: readAheadBytes,
      maxAgeMs: readAheadAgeMs,
      budget: this.#readAhead,
      epoch: () => this.sandbox.epoch,
    });
    this.#handles.set(id, handle);
    return handle;
  }

  /** @throws {ApplicationError} when the client has too many open files */
  assertRoomForHandle(): void {
    if (this.#handles.size >= this.limits.handles)
      throw applicationError("Error", "Too many open files (os error 24)", "EMFILE");
  }

  /** @throws {ApplicationError} when it is closed or does not belong to this client */
  handle(id: number): FileHandle {
    const handle = this.#handles.get(id);
    if (!handle) throw applicationError("BadResource", "Bad resource ID", "EBADF");
    return handle;
  }

  removeHandle(handle: FileHandle): void {
    this.#handles.delete(handle.id);
  }

  /** The connection has ended: its reads end, its files are closed, its processes keep running. */
  close(): void {
    this.#controller.abort();
    for (const listener of [...this.#onClose]) listener();
    this.inbound.close();
    this.outbound.close();
    this.outbox.close();
    for (const handle of this.#handles.values()) {
      if (handle.bytesWritten) this.emitWritten(handle);
      handle.close().catch(() => {});
    }
    this.#handles.clear();
  }

  /** Reports that a file was written through a handle that is now closed. */
  emitWritten(handle: FileHandle): void {
    this.emit({
      kind: "file.written",
      outcome: "ok",
      data: { path: handle.path, bytes: handle.bytesWritten, method: "fileWrite" },
    });
  }
}

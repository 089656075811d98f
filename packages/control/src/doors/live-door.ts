import type { DoorStream, HttpDoor, SshTarget } from "@sandkeep/doors";
import type { Actor, EventBody } from "@sandkeep/protocol";
import type { DoorRecord } from "@sandkeep/store";
import { Deadline } from "../deadline.ts";

/** A running sandbox with doors. */
export interface DoorHolder {
  readonly id: string;
  /** Whether it has ended, or is not this server's any more. */
  readonly isOver: boolean;
  /** While it is being paused: settles when that is over. */
  readonly pausing: Promise<unknown> | null;
  /** Connects to what is behind one of its doors. @throws {ApiError} */
  dial(record: DoorRecord): Promise<DoorStream>;
  /** What is behind its doors for SSH. */
  readonly target: SshTarget;
  /** Somebody has come through a door, or left. */
  visited(change: 1 | -1): void;
  publish(actor: Actor, body: EventBody): void;
  /** One of its doors leads to another sandbox now. */
  moved(record: DoorRecord): void;
}

/** A door of a sandbox that runs or is paused. */
export class LiveDoor implements HttpDoor {
  readonly host: string;
  #sandbox: DoorHolder | null = null;
  #record: DoorRecord;
  readonly #visitors = new Set<() => void>();
  /** Those who want to know when the sandbox goes on. */
  readonly #waiting = new Set<() => void>();
  #closed = false;
  readonly #expiry = new Deadline(() => this.dismiss());

  constructor(record: DoorRecord, host: string) {
    this.#record = record;
    this.host = host;
    this.#watchExpiry();
  }

  /** Null while the sandbox is paused. */
  get sandbox(): DoorHolder | null {
    return this.#sandbox;
  }

  set sandbox(sandbox: DoorHolder | null) {
    this.#sandbox = sandbox;
    if (sandbox) for (const notice of [...this.#waiting]) notice();
  }

  get record(): DoorRecord {
    return this.#record;
  }

  /** Everybody who passed with an earlier token must leave when there is another. */
  set record(record: DoorRecord) {
    const same = record.tokenHash === this.#record.tokenHash && record.auth === this.#record.auth;
    this.#record = record;
    if (same) return;
    this.dismiss();
    this.#watchExpiry();
  }

  get id(): string {
    return this.#record.id;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** What happens to it when its sandbox ends. */
  get closedWithSandbox(): EventBody {
    const { id, kind } = this.#record;
    return { kind: "door.closed", outcome: "ok", data: { door: id, kind, why: "sandbox-ended" } };
  }

  get sandboxId(): string {
    return this.#record.sandbox ?? "";
  }

  get organisation(): string {
    return this.#record.organisation;
  }

  get auth(): "none" | "token" {
    return this.#record.auth;
  }

  /** Calls back once when whoever came through it must leave, at once if it is closed already. */
  onClose(close: () => void): Disposable {
    if (this.#closed) close();
    else this.#visitors.add(close);
    return { [Symbol.dispose]: () => void this.#visitors.delete(close) };
  }

  /** Calls back whenever the sandbox goes on. */
  onEnter(notice: () => void): Disposable {
    this.#waiting.add(notice);
    return { [Symbol.dispose]: () => void this.#waiting.delete(notice) };
  }

  /** Ends all connections through the door. */
  dismiss(): void {
    const visitors = [...this.#visitors];
    this.#visitors.clear();
    for (const leave of visitors) leave();
  }

  close(): void {
    this.#closed = true;
    this.#expiry.cancel();
    this.dismiss();
  }

  #watchExpiry(): void {
    const { tokenExpiresAt } = this.#record;
    if (tokenExpiresAt === null) this.#expiry.cancel();
    else this.#expiry.set(tokenExpiresAt);
  }
}

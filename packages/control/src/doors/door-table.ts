import { timingSafeEqual } from "node:crypto";
import { KeyedQueue } from "@sandkeep/common";
import type { DoorStream, HttpDoor, HttpDoors } from "@sandkeep/doors";
import { type Actor, ApiError, type EventBody } from "@sandkeep/protocol";
import type { DoorRecord, DoorStore } from "@sandkeep/store";
import { hashToken } from "../auth/token.ts";
import type { Addresses } from "./addresses.ts";
import { type DoorHolder, LiveDoor } from "./live-door.ts";
import { type Asleep, Waking } from "./waking.ts";

/** All doors of this server's sandboxes, by name: what the gateway asks for every request. */
export class DoorTable implements HttpDoors {
  readonly store: DoorStore;
  readonly addresses: Addresses;
  /** Changes of a door are made one after another, by its name: each of them reads, stores and then applies a whole record. */
  readonly changes = new KeyedQueue();
  readonly #byName = new Map<string, LiveDoor>();
  readonly #sandboxes = new Map<string, DoorHolder>();
  #asleep: Asleep | null = null;
  #waking: Waking | null = null;

  constructor(store: DoorStore, addresses: Addresses) {
    this.store = store;
    this.addresses = addresses;
  }

  /** From now on, visitors can wake paused sandboxes. */
  wakes(asleep: Asleep): void {
    this.#asleep = asleep;
    this.#waking = new Waking(asleep);
  }

  /** Takes over what is stored of a control plane's sandboxes. Those known already stay as they are. */
  async load(owner: string): Promise<void> {
    for (const record of await this.store.ofOwner(owner)) if (!this.#byName.has(record.name)) this.add(record);
  }

  /** A sandbox runs from now on: its doors lead to it. */
  enter(sandbox: DoorHolder): void {
    this.#sandboxes.set(sandbox.id, sandbox);
    this.#waking?.forget(sandbox.id);
    for (const door of this.of(sandbox.id)) door.sandbox = sandbox;
  }

  /** A sandbox does not run any more, or not here. Its doors stay if it may go on. */
  leave(sandbox: DoorHolder): void {
    if (this.#sandboxes.get(sandbox.id) === sandbox) this.#sandboxes.delete(sandbox.id);
    for (const door of this.of(sandbox.id)) {
      if (door.sandbox === sandbox) door.sandbox = null;
      door.dismiss();
    }
  }

  /** Forgets the doors of a sandbox: it has ended, or another control plane has it. */
  forget(sandbox: string): LiveDoor[] {
    this.#waking?.forget(sandbox);
    const doors = this.of(sandbox);
    for (const door of doors) this.remove(door);
    return doors;
  }

  of(sandbox: string): LiveDoor[] {
    return [...this.#byName.values()].filter(({ sandboxId }) => sandboxId === sandbox);
  }

  named(name: string): LiveDoor | undefined {
    return this.#byName.get(name);
  }

  /** Adds a door that is stored. */
  add(record: DoorRecord): LiveDoor {
    const door = new LiveDoor(record, this.addresses.host(record.name));
    this.#byName.set(record.name, door);
    if (record.sandbox !== null) door.sandbox = this.#sandboxes.get(record.sandbox) ?? null;
    return door;
  }

  remove(door: LiveDoor): void {
    if (this.#byName.get(door.record.name) === door) this.#byName.delete(door.record.name);
    door.close();
  }

  find(host: string): LiveDoor | undefined {
    const name = this.addresses.nameIn(host);
    const door = name === null ? undefined : this.#byName.get(name);
    return door && isHttp(door.record) && !door.sandbox?.isOver ? door : undefined;
  }

  accepts(door: HttpDoor, token: string): number | null {
    const { tokenHash, tokenExpiresAt } = (door as LiveDoor).record;
    const hash = hashToken(token);
    if (tokenHash === null || hash === null || tokenExpiresAt === null || tokenExpiresAt <= Date.now()) return null;
    return timingSafeEqual(Buffer.from(hash), Buffer.from(tokenHash)) ? tokenExpiresAt : null;
  }

  sleeps(door: HttpDoor): boolean {
    const { sandbox } = door as LiveDoor;
    return !sandbox || sandbox.pausing !== null;
  }

  async wake(door: HttpDoor, remote: string, signal: AbortSignal): Promise<void> {
    await this.#waking?.wake(door as LiveDoor, remote, signal);
  }

  /** Publishes events of the sandbox behind a door, also when it has ended since; null if it has ended already. */
  publisher({ sandbox, sandboxId }: LiveDoor): ((actor: Actor, body: EventBody) => void) | null {
    return sandbox ? (actor, body) => sandbox.publish(actor, body) : (this.#asleep?.publisher(sandboxId) ?? null);
  }

  async dial(door: HttpDoor): Promise<DoorStream> {
    const { sandbox, record } = door as LiveDoor;
    if (!sandbox) throw new ApiError("DOOR_PAUSED");
    try {
      const stream = await sandbox.dial(record);
      this.#waking?.dialled(door as LiveDoor, { found: true });
      return stream;
    } catch (error) {
      if (error instanceof ApiError && error.code === "DOOR_NOT_LISTENING")
        this.#waking?.dialled(door as LiveDoor, { found: false });
      throw error;
    }
  }

  onClose(door: HttpDoor, close: () => void): Disposable {
    return (door as LiveDoor).onClose(close);
  }
}

const isHttp = ({ kind }: DoorRecord) => kind === "http" || kind === "vscode";

/** Changes of one door that meet: each waits for the store, and none undoes another. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Guest } from "@sandkeep/host";
import type { SandboxState } from "@sandkeep/rpc";
import { type DoorRecord, type DoorStore, NothingChanged } from "@sandkeep/store";
import type { Principal } from "../auth/authenticator.ts";
import type { EventBus } from "../events/bus.ts";
import { Addresses } from "./addresses.ts";
import { closeDoor, replaceToken } from "./changes.ts";
import { DoorTable } from "./door-table.ts";
import { SandboxDoors } from "./sandbox-doors.ts";

/** A store in which each change takes until it is let through. */
class SlowDoors implements DoorStore {
  readonly records = new Map<string, DoorRecord>();
  #waiting: (() => void)[] | null = null;

  /** From now on, changes wait; the result lets them through, in their order. */
  hold(): () => Promise<void> {
    this.#waiting = [];
    return async () => {
      const held = this.#waiting ?? [];
      this.#waiting = null;
      for (const go of held) {
        go();
        await new Promise(setImmediate);
      }
    };
  }

  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => (this.#waiting ? this.#waiting.push(resolve) : resolve()));
  }

  async insert(door: DoorRecord): Promise<void> {
    await this.#turn();
    this.records.set(door.id, door);
  }

  async update(door: DoorRecord): Promise<void> {
    await this.#turn();
    if (!this.records.has(door.id)) throw new NothingChanged("it is gone");
    this.records.set(door.id, door);
  }

  async remove(id: string): Promise<void> {
    await this.#turn();
    this.records.delete(id);
  }

  async findByName(name: string): Promise<DoorRecord | null> {
    return [...this.records.values()].find((one) => one.name === name) ?? null;
  }

  list = async () => [...this.records.values()];
  ofSandbox = async () => [...this.records.values()];
  ofOwner = async () => [...this.records.values()];
}

const principal = { organisation: { id: "org" }, actor: { kind: "system" } } as unknown as Principal;
const system = { kind: "system" } as const;
const NAME = "shop";

/** A sandbox with a private door, until the test ends. */
async function opened(context: TestContext) {
  const store = new SlowDoors();
  const table = new DoorTable(store, new Addresses("doors.test"));
  const doors = new SandboxDoors({
    sandbox: "sbx",
    organisation: "org",
    guest: {} as Guest,
    state: { program: () => undefined } as unknown as SandboxState,
    table,
    isEnding: () => false,
    pausing: () => null,
    publish() {},
    visited() {},
  } as ConstructorParameters<typeof SandboxDoors>[0]);
  // Doors watch over the end of their tokens.
  context.after(() => void table.forget("sbx"));
  const changes = { table, events: { publish() {} } as unknown as EventBus };
  const { token } = await doors.open("http", { port: 1, auth: "token", name: NAME }, system);
  return { store, table, doors, changes, token: token! };
}

const HOST = `${NAME}.doors.test`;

describe("changes of a door", () => {
  test("a revoked token does not come back when the door is bound meanwhile", async (context) => {
    for (const revokedFirst of [true, false]) {
      const { store, table, doors, changes, token } = await opened(context);
      const go = store.hold();
      const work = [() => replaceToken(changes, NAME, null, principal), () => doors.bind(HOST, { port: 2 })];
      const done = Promise.all((revokedFirst ? work : work.reverse()).map((one) => one()));
      await new Promise(setImmediate);
      await go();
      await done;
      const door = table.named(NAME)!;
      assert.equal(table.accepts(door, token), null);
      assert.deepEqual([door.record.port, door.record.tokenHash], [2, null]);
      assert.deepEqual(await store.findByName(NAME), door.record);
    }
  });

  test("a door that is closed while it is opened again leaves nothing half open", async (context) => {
    const { store, table, doors, changes } = await opened(context);
    const go = store.hold();
    const again = doors.open("http", { port: 3, name: NAME }, system);
    const closed = closeDoor(changes, NAME, principal);
    await new Promise(setImmediate);
    await go();
    await Promise.allSettled([again, closed]);
    assert.equal(table.named(NAME) !== undefined, (await store.findByName(NAME)) !== null);
  });

  test("a token is not made for a door whose sandbox has ended meanwhile", async (context) => {
    const { store, changes } = await opened(context);
    const go = store.hold();
    const replaced = replaceToken(changes, NAME, 60_000, principal);
    replaced.catch(() => {});
    await new Promise(setImmediate);
    store.records.clear();
    await go();
    await assert.rejects(replaced, { code: "DOOR_NOT_FOUND" });
  });

  test("no more doors are opened at once than a sandbox may have", async (context) => {
    const { doors, table } = await opened(context);
    const results = await Promise.allSettled(Array.from({ length: 80 }, () => doors.open("http", { port: 1 }, system)));
    const refused = results.filter(({ status }) => status === "rejected");
    assert.deepEqual([table.of("sbx").length, refused.length], [64, 17]);
  });

  test("a door that is opened while its sandbox is paused is there when it goes on", async (context) => {
    const { store, doors, table } = await opened(context);
    const go = store.hold();
    const opening = doors.open("http", { port: 4, name: "late" }, system);
    await new Promise(setImmediate);
    doors.end("paused");
    await go();
    await opening;
    await assert.rejects(table.dial(table.named("late")!), { code: "DOOR_PAUSED" });
  });
});

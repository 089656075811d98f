import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EventRecord, EventStore } from "@sandkeep/store";
import { pino } from "pino";
import { EventBus } from "./bus.ts";

describe("the bus", async () => {
  const subject = { organisation: { id: "o", slug: "o" }, sandbox: "s", actor: { kind: "system" } } as const;
  const body = { kind: "token.created", outcome: "ok", data: { token: "t", name: "n" } } as const;
  const silent = pino({ level: "silent" });

  /** A disk that accepts nothing until told to. */
  function stuck(): { store: EventStore; written: EventRecord[]; heal: () => void; fail: () => void } {
    const written: EventRecord[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    let failing = false;
    const store = {
      append: async (events: readonly EventRecord[]) => {
        if (failing) throw new Error("disk full");
        await promise;
        written.push(...events);
      },
    } as unknown as EventStore;
    return { store, written, heal: () => ((failing = false), resolve()), fail: () => (failing = true) };
  }

  test("drops what nobody waits for when the disk is slow, never what somebody waits for", async () => {
    const disk = stuck();
    await using bus = new EventBus(disk.store, silent);
    bus.publish(subject, body);
    const stuckWrite = bus.flush();
    let stored = 0;
    for (let i = 0; i < 25_000; i++) void bus.publishDurably(subject, body).then(() => stored++);
    for (let i = 0; i < 20_010; i++) bus.publish(subject, body);
    assert.equal(stored, 0);
    disk.heal();
    await stuckWrite;
    await bus.flush();
    assert.equal(stored, 25_000);
    // A few are dropped at once.
    assert.equal(disk.written.length, 1 + 25_000 + 19_810);
    const ids = disk.written.map(({ id }) => id);
    assert.deepEqual(ids, [...ids].sort());
  });

  test("drops nothing of an organisation because another causes many", async () => {
    const disk = stuck();
    await using bus = new EventBus(disk.store, silent);
    const quiet = { ...subject, organisation: { id: "quiet", slug: "quiet" } };
    bus.publish(quiet, body);
    for (let i = 0; i < 50_000; i++) bus.publish(subject, body);
    bus.publish(quiet, body);
    disk.heal();
    await bus.flush();
    assert.equal(disk.written.filter(({ organisation }) => organisation === "quiet").length, 2);
    assert.ok(disk.written.length <= 20_000);
  });

  test("tries again what somebody waits for when the disk refuses it", async () => {
    const disk = stuck();
    await using bus = new EventBus(disk.store, silent);
    disk.fail();
    let stored = false;
    const waiting = bus.publishDurably(subject, body).then(() => (stored = true));
    bus.publish(subject, body);
    await bus.flush();
    assert.equal(stored, false);
    disk.heal();
    await waiting;
    assert.equal(disk.written.length, 1);
  });
});

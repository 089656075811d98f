import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { NothingChanged, type Store, UniqueViolation } from "../contract.ts";
import { acme, lease, other, sandbox } from "../samples.ts";
import type { DoorRecord } from "./contract.ts";

const door = (id: string, more: Partial<DoorRecord> = {}): DoorRecord => ({
  id,
  organisation: acme.id,
  kind: "http",
  name: `name-${id}`,
  sandbox: "a",
  port: 8000,
  pid: null,
  auth: "none",
  tokenHash: null,
  tokenExpiresAt: null,
  stable: false,
  details: null,
  createdAt: 1,
  ...more,
});

/** FOR TESTS ONLY: what every store must do with doors. */
export function doorSuite(name: string, open: () => Promise<Store>): void {
  describe(`doors in the store on ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
      await store.organisations.insert(acme);
      await store.organisations.insert(other);
      for (const id of ["a", "b"]) await store.sandboxes.insert(sandbox(id, 1), lease, null);
    });
    afterEach(() => store[Symbol.asyncDispose]());

    test("finds a door by its name, and lists those of an organisation, a sandbox and a control plane", async () => {
      const first = door("1");
      const second = door("2", {
        sandbox: "b",
        pid: 7,
        auth: "token",
        tokenHash: "h",
        tokenExpiresAt: 9,
        createdAt: 2,
      });
      await store.doors.insert(second);
      await store.doors.insert(first);
      assert.deepEqual(await store.doors.findByName("name-2"), second);
      assert.equal(await store.doors.findByName("nobody"), null);
      assert.deepEqual(await store.doors.list(acme.id), [first, second]);
      assert.deepEqual(await store.doors.list(other.id), []);
      assert.deepEqual(await store.doors.ofSandbox("b"), [second]);
      assert.deepEqual((await store.doors.ofOwner(lease.owner)).map(({ id }) => id).sort(), ["1", "2"]);
      assert.deepEqual(await store.doors.ofOwner("cp_2"), []);
    });

    test("a name is given once", async () => {
      await store.doors.insert(door("1", { name: "shop" }));
      await assert.rejects(store.doors.insert(door("2", { name: "shop" })), UniqueViolation);
    });

    test("a door changes, and goes to another sandbox", async () => {
      await store.doors.insert(door("1", { stable: true }));
      const moved = door("1", {
        stable: true,
        sandbox: "b",
        port: 1,
        auth: "token",
        tokenHash: "h",
        details: { a: 1 },
      });
      await store.doors.update(moved);
      assert.deepEqual(await store.doors.findByName("name-1"), moved);
      await store.doors.remove("1");
      await assert.rejects(store.doors.update(moved), NothingChanged);
    });

    test("only running sandboxes of the same organisation have doors", async () => {
      await assert.rejects(store.doors.insert(door("1", { sandbox: "nobody" })), NothingChanged);
      await assert.rejects(store.doors.insert(door("1", { organisation: other.id })), NothingChanged);
      await store.sandboxes.setStopped(lease.owner, "a", 2, "killed");
      await assert.rejects(store.doors.insert(door("1")), NothingChanged);
    });

    test("doors end with their sandbox; its organisation keeps stable names", async () => {
      await store.doors.insert(door("1"));
      await store.doors.insert(door("2", { stable: true, auth: "token", tokenHash: "h", tokenExpiresAt: 9 }));
      await store.doors.insert(door("3", { sandbox: "b" }));
      await store.sandboxes.setStopped("cp_2", "a", 2, "killed");
      assert.equal((await store.doors.ofSandbox("a")).length, 2);
      await store.sandboxes.setStopped(lease.owner, "a", 2, "killed");
      assert.deepEqual(
        (await store.doors.list(acme.id)).map(({ id, sandbox, port, tokenHash }) => [id, sandbox, port, tokenHash]),
        [
          ["2", null, null, null],
          ["3", "b", 8000, null],
        ],
      );
      await store.sandboxes.prune(10);
      assert.equal((await store.doors.list(acme.id)).length, 2);
    });

    test("doors of a paused sandbox stay", async () => {
      await store.doors.insert(door("1"));
      await store.sandboxes.setPaused(lease.owner, "a", 2, null);
      assert.equal((await store.doors.ofOwner(lease.owner)).length, 1);
    });
  });
}

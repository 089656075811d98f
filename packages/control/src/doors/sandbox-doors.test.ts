import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { type Guest, GuestGone } from "@sandkeep/host";
import type { SandboxState } from "@sandkeep/rpc";
import type { DoorStore } from "@sandkeep/store";
import { Addresses } from "./addresses.ts";
import { DoorTable } from "./door-table.ts";
import { SandboxDoors } from "./sandbox-doors.ts";

const system = { kind: "system" } as const;

/** A door of a sandbox whose guest answers every connection with the same stream. */
async function opened(context: TestContext, head: () => Promise<void>) {
  const stream = Object.assign(new PassThrough(), { head: head() });
  stream.head.catch(() => {});
  const sandbox = { visitors: 0, pausing: null as Promise<void> | null };
  const table = new DoorTable({ insert: async () => {} } as unknown as DoorStore, new Addresses("doors.test"));
  const doors = new SandboxDoors({
    sandbox: "sbx",
    organisation: "org",
    guest: { stream: () => stream } as unknown as Guest,
    state: {} as SandboxState,
    table,
    isEnding: () => false,
    pausing: () => sandbox.pausing,
    publish() {},
    visited: (change) => void (sandbox.visitors += change),
  });
  context.after(() => void table.forget("sbx"));
  const { record } = await doors.open("http", { port: 1 }, system);
  return { doors, record, sandbox, stream };
}

test("a connection through a door is a visitor until it is closed", async (context) => {
  const { doors, record, sandbox } = await opened(context, async () => {});
  const stream = await doors.dial(record);
  assert.equal(sandbox.visitors, 1);
  stream.destroy();
  await once(stream, "close");
  assert.equal(sandbox.visitors, 0);
});

test("a connection that is closed before anybody gets it is none", async (context) => {
  const gone = Promise.withResolvers<void>();
  const { doors, record, sandbox, stream } = await opened(context, () => gone.promise);
  const dialled = doors.dial(record);
  stream.destroy();
  await once(stream, "close");
  gone.resolve();
  await dialled;
  assert.equal(sandbox.visitors, 0);
});

test("who comes while the machine is being written to disk is told that the sandbox is paused", async (context) => {
  const { doors, record, sandbox } = await opened(context, () =>
    Promise.reject(new GuestGone("The machine has ended.")),
  );
  await assert.rejects(doors.dial(record), { code: "DOOR_NOT_FOUND" });
  sandbox.pausing = Promise.resolve();
  await assert.rejects(doors.dial(record), { code: "DOOR_PAUSED" });
  doors.end("paused");
  sandbox.pausing = null;
  await assert.rejects(doors.dial(record), { code: "DOOR_PAUSED" });
  assert.equal(sandbox.visitors, 0);
});

test("what was behind a door of a sandbox that has ended is not there", async (context) => {
  const { doors, record } = await opened(context, async () => {});
  doors.end("ended", system);
  await assert.rejects(doors.dial(record), { code: "DOOR_NOT_FOUND" });
});

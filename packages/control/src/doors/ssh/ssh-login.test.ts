import assert from "node:assert/strict";
import { test } from "node:test";
import type { DoorRecord } from "@sandkeep/store";
import type { DoorTable } from "../door-table.ts";
import { type DoorHolder, LiveDoor } from "../live-door.ts";
import { SshLogin } from "./ssh-login.ts";

const RECORD: Partial<DoorRecord> = { id: "door_1", sandbox: "sbx_1", auth: "none", tokenExpiresAt: null };
const LOGIN = { action: "login", connection: "conn_1", remote: "192.0.2.1", key: null } as const;
const LOGOUT = { action: "logout", connection: "conn_1", remote: "192.0.2.1", durationMs: 1, reason: "left" } as const;

/** A login to a paused sandbox, and how many visitors that has when it goes on. */
function loginTo(table: Partial<DoorTable>) {
  const door = new LiveDoor(RECORD as DoorRecord, "name");
  const counted = { visitors: 0 };
  const holder: Partial<DoorHolder> = {
    isOver: false,
    visited(change) {
      counted.visitors += change;
    },
  };
  const goOn = () => void (door.sandbox = holder as DoorHolder);
  return { login: new SshLogin({ publisher: () => null, ...table } as DoorTable, door), counted, goOn };
}

test("who is logged in to a paused sandbox keeps it from being idle from the moment it goes on, until the logout", () => {
  const { login, counted, goOn } = loginTo({});
  login.report(LOGIN);
  assert.equal(counted.visitors, 0);
  goOn();
  assert.equal(counted.visitors, 1);
  login.report(LOGOUT);
  goOn();
  assert.equal(counted.visitors, 0);
});

test("who has left does not count, even if that cannot be recorded", () => {
  const { login, counted, goOn } = loginTo({
    publisher:
      () =>
      (_actor, { kind }) => {
        if (kind === "ssh.logout") throw new Error("no space");
      },
  });
  goOn();
  login.report(LOGIN);
  assert.equal(counted.visitors, 1);
  assert.throws(() => login.report(LOGOUT), /no space/);
  assert.equal(counted.visitors, 0);
});

test("who gives up waits no longer for a sandbox that is being woken", async () => {
  const signals: AbortSignal[] = [];
  const { login } = loginTo({
    sleeps: () => true,
    wake: (_door, _remote, signal) => {
      signals.push(signal);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  const leaving = new AbortController();
  const listening = login.listen(8000, async () => {}, leaving.signal);
  leaving.abort();
  await assert.rejects(listening, { name: "AbortError" });
  assert.deepEqual(signals, [leaving.signal]);
});

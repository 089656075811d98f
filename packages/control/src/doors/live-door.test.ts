import assert from "node:assert/strict";
import { test } from "node:test";
import type { DoorRecord } from "@sandkeep/store";
import { LiveDoor } from "./live-door.ts";

const RECORD: DoorRecord = {
  id: "door_1",
  organisation: "org_1",
  kind: "ssh",
  name: "name",
  sandbox: "sbx_1",
  port: null,
  pid: null,
  auth: "none",
  tokenHash: null,
  tokenExpiresAt: null,
  stable: false,
  details: null,
  createdAt: 0,
};

test("whoever is on the way through a door when it closes must leave, too", () => {
  const door = new LiveDoor(RECORD, "name.localhost");
  const left: string[] = [];
  door.onClose(() => void left.push("inside"));
  door.close();
  door.onClose(() => void left.push("too late"));
  assert.deepEqual(left, ["inside", "too late"]);
});

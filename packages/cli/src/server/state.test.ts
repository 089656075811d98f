import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startTicks } from "@sandkeep/common";
import { stateFile } from "../paths.ts";
import { temporaryDirectory } from "../testing/temporary-directory.ts";
import { readState, removeState, type ServerState, writeState } from "./state.ts";

const dir = temporaryDirectory();
const state = (pid: number): ServerState => ({
  pid,
  startTicks: startTicks(pid)!,
  version: "1",
  sandboxEndpoint: "http://a",
  apiEndpoint: "http://a",
  token: "ddo_x",
  caFile: null,
});

test("the state of a running server can be read, by its owner only", async () => {
  await writeState(dir, state(process.pid));
  assert.deepEqual(readState(dir), state(process.pid));
  assert.equal(statSync(stateFile(dir)).mode & 0o777, 0o600);
});

test("the state of a dead server is ignored, even if another process has its pid", async () => {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const left = state(child.pid!);
  const other = join(dir, "other");
  await writeState(other, left);
  assert.ok(readState(other));
  await writeState(other, { ...left, startTicks: left.startTicks - 1 });
  assert.equal(readState(other), undefined, "same pid, but it started at another time");
  child.kill("SIGKILL");
  await once(child, "exit");
  await writeState(other, left);
  assert.equal(readState(other), undefined);
});

test("a server removes its own state only", async () => {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const own = join(dir, "own");
  await writeState(own, state(child.pid!));
  removeState(own);
  assert.ok(readState(own));
  child.kill();
  await writeState(own, state(process.pid));
  removeState(own);
  assert.equal(readState(own), undefined);
});

test("a damaged file is ignored", () => {
  writeFileSync(stateFile(dir), "{");
  assert.equal(readState(dir), undefined);
});

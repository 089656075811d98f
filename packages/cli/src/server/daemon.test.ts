import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { lockFile, startTicks, tryLockFile } from "@sandkeep/common";
import { startLock } from "../paths.ts";
import { temporaryDirectory } from "../testing/temporary-directory.ts";
import { ensureDaemon } from "./daemon.ts";
import { type ServerState, writeState } from "./state.ts";

const dir = temporaryDirectory();
const state: ServerState = {
  pid: process.pid,
  startTicks: startTicks(process.pid)!,
  version: "1",
  sandboxEndpoint: "http://a",
  apiEndpoint: "http://a",
  token: "ddo_x",
  caFile: null,
};
const fails = () => Promise.reject(new Error("nobody else starts it"));

test("while another command starts the server, a command waits for that server and starts none", async () => {
  const dataDir = join(dir, "served");
  await writeState(dataDir, { ...state, startTicks: state.startTicks - 1 });
  using _starting = await lockFile(startLock(dataDir));
  const waiting = ensureDaemon({ dataDir, env: {}, prepare: fails });
  await writeState(dataDir, state);
  assert.deepEqual(await waiting, state);
  assert.equal(await tryLockFile(startLock(dataDir)), null, "still held by the other command");
});

test("a command whose predecessor gave up starts the server itself, and makes room when it fails", async () => {
  const dataDir = join(dir, "given-up");
  await writeState(dataDir, { ...state, startTicks: state.startTicks - 1 });
  const starting = await lockFile(startLock(dataDir));
  const waiting = ensureDaemon({ dataDir, env: {}, prepare: fails });
  starting[Symbol.dispose]();
  await assert.rejects(waiting, /nobody else starts it/);
  using lock = await tryLockFile(startLock(dataDir));
  assert.ok(lock);
});

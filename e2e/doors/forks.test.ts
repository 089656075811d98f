/** Doors of real machines that are forked, paused and resumed: the program behind them goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runSsh } from "@sandkeep/doors/testing";
import { Sandbox } from "sandkeep";
import { TestServer } from "../harness/server.ts";
import { visit } from "../harness/visit.ts";
import { APP } from "./app.ts";

/** Time limit, milliseconds: machines are emulated. */
const TIMEOUT_MS = 300_000;

const codeOf = async (address: string) => {
  const { status, body } = await visit(address);
  return [status, status === 200 ? null : (JSON.parse(body) as { code: string }).code];
};
const ANSWERS = [200, null];

test("a fork serves behind doors of its own, and whoever comes wakes a paused sandbox", {
  timeout: TIMEOUT_MS,
}, async () => {
  await using server = await TestServer.start();
  const parent = await Sandbox.create({ ...server.ready, timeout: "10m", onIdle: "pause" });
  const app = await parent.deno.run({ code: APP });
  await app.httpReady;
  const ofParent = await parent.exposeHttp({ port: 8000 });
  assert.deepEqual(await codeOf(ofParent), ANSWERS);

  const child = await parent.fork();
  const ofChild = await child.exposeHttp({ port: 8000 });
  assert.notEqual(ofChild, ofParent);
  for (const address of [ofParent, ofChild]) assert.deepEqual(await codeOf(address), ANSWERS);
  await parent.kill();
  assert.deepEqual(await codeOf(ofParent), [404, "DOOR_NOT_FOUND"]);
  assert.deepEqual(await codeOf(ofChild), ANSWERS);

  const { username, port } = await child.exposeSsh();
  const login = () => runSsh({ port }, username, { command: ["pgrep -x deno"] });
  const { stdout: pid } = await login();
  await child.pause();
  assert.deepEqual(await Promise.all(Array.from({ length: 5 }, () => codeOf(ofChild))), Array(5).fill(ANSWERS));
  let woken = await Sandbox.connect(child.id, server.ready);
  await woken.pause();
  assert.equal((await login()).stdout, pid, "the same program goes on");
  woken = await Sandbox.connect(child.id, server.ready);
  await woken.kill();
  assert.deepEqual(await codeOf(ofChild), [404, "DOOR_NOT_FOUND"]);
});

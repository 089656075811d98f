/** Doors of a server that is killed: those of sandboxes that live on lead there again. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Sandbox } from "sandkeep";
import { TestServer } from "../harness/server.ts";
import { visit } from "../harness/visit.ts";
import { APP } from "./app.ts";

/** Time limit, milliseconds: machines are emulated. */
const TIMEOUT_MS = 300_000;

let dataDir: string;
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "sandkeep-doors-"));
});
after(() => rm(dataDir, { recursive: true, force: true }));

const codeOf = async (address: string) => {
  const { status, body } = await visit(address);
  return [status, status === 200 ? null : (JSON.parse(body) as { code: string }).code];
};

test("doors survive a restart of the server for sandboxes that do, tokens and names included", {
  timeout: TIMEOUT_MS,
}, async () => {
  let server = await TestServer.start({ dataDir });
  const { port } = new URL(server.ready.apiEndpoint);
  const session = await Sandbox.create(server.ready);
  const lasting = await Sandbox.create({ ...server.ready, timeout: "10m" });
  const app = await lasting.deno.run({ code: APP });
  await app.httpReady;
  const open = await lasting.exposeHttp({ port: 8000 });
  const ofProcess = await lasting.exposeHttp({ pid: app.pid });
  const secret = await lasting.exposeHttp({ port: 8000, auth: "token" });
  const named = await lasting.exposeHttp({ port: 8000, name: "restarted" });
  const ending = await session.exposeHttp({ port: 8000 });
  for (const address of [open, ofProcess, secret, named]) assert.deepEqual(await codeOf(address), [200, null], address);

  // What is open breaks off.
  const { hostname: servername, host } = new URL(open);
  const options = { host: "127.0.0.1", port, servername, headers: { host }, rejectUnauthorized: false, agent: false };
  const sent = request({ ...options, path: "/silence" }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const broken = once(response.resume(), "error");
  await server.crash();
  await broken;

  server = await TestServer.start({ dataDir, port: Number(port) });
  try {
    for (const address of [open, ofProcess, secret, named])
      assert.deepEqual(await codeOf(address), [200, null], address);
    assert.deepEqual(await codeOf(secret.replace(/\?.*/, "")), [401, "DOOR_TOKEN_REQUIRED"]);
    assert.deepEqual(await codeOf(ending), [404, "DOOR_NOT_FOUND"]);
    const again = await Sandbox.connect(lasting.id, server.ready);
    const moved = await again.exposeHttp({ port: 8000 });
    assert.deepEqual(await codeOf(moved), [200, null]);
    await again.kill();
    for (const address of [open, named, moved]) assert.deepEqual(await codeOf(address), [404, "DOOR_NOT_FOUND"]);
  } finally {
    await server.stop();
  }
});

/**
 * Several control planes on one store and several hosts under one, with real machines: none affects another's
 * sandboxes.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { type Server, startServer } from "@sandkeep/control";
import { Sandbox } from "sandkeep";
import { openHost } from "../host/fixture.ts";

/** Time limit, in milliseconds. */
const TIMEOUT_MS = 300_000;

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sk-own-"));
});
after(() => rm(dir, { recursive: true, force: true }));

/** A separate server on the shared store, with the named hosts. */
async function start(name: string, hosts: string[]): Promise<Server> {
  return await startServer({
    hosts: await Promise.all(hosts.map((host) => openHost(join(dir, host)))),
    databaseFile: join(dir, "shared.db"),
    config: { port: 0, dataDir: join(dir, name), log: { level: "silent" } },
  });
}

const at = ({ sandboxEndpoint, apiEndpoint, token }: Server) => ({ sandboxEndpoint, apiEndpoint, token });

test("a restart leaves the other server's sandboxes alone; one with both hosts takes over when the leases have expired", {
  timeout: TIMEOUT_MS,
}, async () => {
  let one = await start("one", ["h1"]);
  const two = await start("two", ["h2"]);
  let three: Server | undefined;
  try {
    const [first, second] = [
      await Sandbox.create({ timeout: "10m", ...at(one) }),
      await Sandbox.create({ timeout: "10m", ...at(two) }),
    ];
    await first.fs.writeTextFile("whose", "first");
    await second.fs.writeTextFile("whose", "second");
    const read = async (server: Server, id: string) =>
      (await Sandbox.connect({ id, ...at(server) })).fs.readTextFile("whose");

    await one.close({ leaveRunning: true });
    assert.equal(await second.fs.readTextFile("whose"), "second");
    one = await start("one", ["h1"]);
    assert.equal(await read(one, first.id), "first");
    assert.equal(await second.fs.readTextFile("whose"), "second");

    // Both are gone, as if their computers had failed, and their leases expire.
    await Promise.all([one.close({ leaveRunning: true }), two.close({ leaveRunning: true })]);
    const db = new DatabaseSync(join(dir, "shared.db"));
    db.exec("UPDATE sandboxes SET lease_expires_at = 1");
    db.close();
    three = await start("three", ["h1", "h2"]);
    assert.equal(await read(three, first.id), "first");
    assert.equal(await read(three, second.id), "second");
    await (await Sandbox.connect({ id: first.id, ...at(three) })).kill();
    assert.equal(await read(three, second.id), "second");
  } finally {
    for (const server of [one, two, three]) await server?.close();
  }
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { HELLO_MAGIC, NONCE_BYTES, READY_MAGIC } from "@sandkeep/serial";
import type { Vm } from "../engine/engine.ts";
import { agreeableAgent } from "../testing/agreeable-agent.ts";
import { loadAndConnect } from "./clone.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-clone-"));
after(() => rmSync(dir, { recursive: true, force: true }));
/** Longer than the test runs. */
const PATIENCE_MS = 600_000;

const vmAt = (control: string, kill = async () => {}) =>
  ({ sockets: { control }, kill, console: async () => "" }) as unknown as Vm;

/** The agent's, to a hello. */
const answerTo = (hello: Buffer) =>
  Buffer.concat([Buffer.from(READY_MAGIC), hello.subarray(HELLO_MAGIC.length, HELLO_MAGIC.length + NONCE_BYTES)]);

test("a machine that goes on finds its host connected", async () => {
  const path = join(dir, "early");
  const server = createServer((socket) => socket.on("error", () => {}));
  server.listen(path);
  const connected = once(server, "connection") as Promise<[Socket]>;
  const failed = assert.rejects(
    loadAndConnect(
      vmAt(path),
      async () => {
        // The agent's answer is not the real one's.
        (await connected)[0].destroy();
      },
      PATIENCE_MS,
    ),
    { name: "GuestGone" },
  );
  await failed;
  server.close();
});

test("its agent is there when it runs", async () => {
  const path = join(dir, "agent");
  const agent = await agreeableAgent(path);
  const guest = await loadAndConnect(vmAt(path), async () => {}, PATIENCE_MS);
  await guest.call("sync", {});
  guest.close();
  agent.close();
});

test("its agent has all its time when it runs, however long its state takes to load", async (t) => {
  const path = join(dir, "slow");
  const server = createServer((socket) => socket.on("error", () => {}));
  server.listen(path);
  const connected = once(server, "connection") as Promise<[Socket]>;
  const loaded = Promise.withResolvers<void>();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const connecting = loadAndConnect(vmAt(path), () => loaded.promise, 1_000);
  connecting.catch(() => {});
  const [socket] = await connected;
  await once(socket, "readable");
  t.mock.timers.tick(PATIENCE_MS);
  loaded.resolve();
  await new Promise(setImmediate);
  t.mock.timers.tick(999);
  socket.write(answerTo(socket.read() as Buffer));
  (await connecting).close();
  server.close();
});

test("if the state does not load, the process is ended, and nobody waits for an agent", async () => {
  const path = join(dir, "silent");
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on("error", () => {})));
  server.listen(path);
  const connected = once(server, "connection");
  let killed = 0;
  const kill = async () => {
    await connected;
    killed++;
    for (const socket of sockets) socket.destroy();
  };
  const load = () => Promise.reject(new Error("the state does not load"));
  await assert.rejects(loadAndConnect(vmAt(path, kill), load, PATIENCE_MS), /does not load/);
  assert.equal(killed, 1);
  server.close();
});

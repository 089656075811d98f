import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Vm } from "../engine/engine.ts";
import { agreeableAgent } from "../testing/agreeable-agent.ts";
import { loadAndConnect } from "./clone.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-clone-"));
after(() => rmSync(dir, { recursive: true, force: true }));
/** Longer than the test runs. */
const PATIENCE_MS = 600_000;

const vmAt = (control: string, kill = async () => {}) =>
  ({ sockets: { control }, kill, console: async () => "" }) as unknown as Vm;

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

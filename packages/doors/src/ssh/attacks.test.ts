/** What a hostile client may try, with a client of `ssh2` that is made to do it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { ClientChannel, ParsedKey, Client as Ssh2Client } from "ssh2";
import { newOpenSshKey } from "./keys/openssh-key.ts";
import { MAX_HOST_CHARS, MAX_LOGINS } from "./limits.ts";
import { utils } from "./ssh2.ts";
import { HesitantAgent, insides, loggedIn, startClient } from "./testing/library-client.ts";
import { runSsh } from "./testing/openssh.ts";
import { TestServer } from "./testing/test-server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
  server.open("somebody");
});
afterEach(() => server[Symbol.asyncDispose]());

const OTHERS = 5;

const newKey = () => utils.parseKey(newOpenSshKey("test")) as ParsedKey;
const line = (key: ParsedKey) => `${key.type} ${key.getPublicSSH().toString("base64")}`;
const assertServes = async () =>
  assert.equal((await runSsh(server, "somebody", { command: ["echo in"] })).stdout, "in\n");

/** A client that has been asked for its signature. */
async function hesitant(username: string, key: ParsedKey): Promise<{ client: Ssh2Client; agent: HesitantAgent }> {
  const agent = new HesitantAgent(key);
  const client = startClient(server, username, { agent, authHandler: ["agent"] });
  await agent.asked;
  return { client, agent };
}

describe("a door that closes during a login", () => {
  for (const [what, keys] of [
    ["that needs no key", []],
    ["that needs a key", [newKey()]],
  ] as const)
    test(`lets nobody in any more (${what})`, async () => {
      const key = keys[0] ?? newKey();
      server.open("short", keys.map(line));
      const { client, agent } = await hesitant("short", key);
      let ready = false;
      client.on("ready", () => {
        ready = true;
      });
      const gone = once(client, "close");
      server.close("short");
      agent.agree();
      await gone;
      assert.equal(ready, false);
      assert.deepEqual(server.reports, []);
    });
});

test("an address that connects again and again drives away only itself", async () => {
  const key = newKey();
  server.open("slow", [line(key)]);
  const { client, agent } = await hesitant("slow", key);
  const ready = once(client, "ready");
  const sockets: Socket[] = [];
  for (let n = 0; n < 2 * MAX_LOGINS; n++) {
    const socket = connect({ port: server.port, host: "127.0.0.1", localAddress: "127.0.0.2" });
    socket.on("error", () => {});
    sockets.push(socket);
    await once(socket, "data");
  }
  agent.agree();
  await ready;
  client.end();
  for (const socket of sockets) socket.destroy();
});

test("a client that exchanges keys again and again instead of logging in is sent away", async () => {
  const key = newKey();
  server.open("slow", [line(key)]);
  const { client } = await hesitant("slow", key);
  const gone = once(client, "close");
  insides(client).rekey();
  await gone;
  await assertServes();
});

describe("a client that takes only tiny packets, or none", () => {
  for (const packetSize of [0, 1])
    for (const kind of ["session", "directTcpip"] as const)
      test(`is sent away (${kind}, ${packetSize})`, async () => {
        const client = await loggedIn(server, "somebody");
        const gone = once(client, "close");
        const inside = insides(client);
        const open = inside[kind] as (...args: unknown[]) => void;
        inside[kind] = (channel: number, window: number, _size: number, ...rest: unknown[]) =>
          open.call(inside, channel, window, packetSize, ...rest);
        const opened = (_error: Error | undefined, channel: ClientChannel | undefined) => void channel?.resume();
        if (kind === "session") client.exec("head -c 100000 /dev/zero", opened);
        else client.forwardOut("127.0.0.1", 1, "127.0.0.1", server.port, opened);
        await gone;
        const logout = await server.reported("logout");
        assert.equal(logout.reason, "The client takes only tiny packets.");
        await assertServes();
      });
});

test("a client waits for the sandbox that is to listen: nothing of it piles up", async () => {
  const asked = Promise.withResolvers<void>();
  const listening = Promise.withResolvers<number>();
  const order: string[] = [];
  server.target.listen = () => {
    asked.resolve();
    return listening.promise;
  };
  const spawn = server.target.spawn.bind(server.target);
  server.target.spawn = (params) => {
    if (params.program.kind === "exec") order.push(params.program.command);
    return spawn(params);
  };
  const client = (await loggedIn(server, "somebody")).setNoDelay(true);
  client.forwardIn("127.0.0.1", 0, () => {});
  await asked.promise;
  const done = new Promise<void>((resolve, reject) =>
    client.exec("true", (error, channel) => {
      if (error) reject(error);
      else channel.resume().once("close", resolve);
    }),
  );
  // Others do not wait, which takes longer than the server would need for what the first client sends.
  for (let n = 0; n < OTHERS; n++) await assertServes();
  order.push("listens");
  listening.resolve(1234);
  await done;
  assert.deepEqual(order, [...Array<string>(OTHERS).fill("echo in"), "listens", "true"]);
  client.end();
});

test("a host name without end is refused before anybody is asked for it", async () => {
  let asked = false;
  server.target.dial = () => {
    asked = true;
    return Promise.reject(new Error("There is no such host."));
  };
  const client = await loggedIn(server, "somebody");
  const refused = await new Promise<Error | undefined>((resolve) =>
    client.forwardOut("127.0.0.1", 1, "a".repeat(MAX_HOST_CHARS + 1), 80, resolve),
  );
  assert.match(String(refused), /Channel open failure/);
  assert.equal(asked, false);
  client.end();
});

test("what cannot be recorded hurts nobody", async () => {
  server.refusesReports = true;
  await assertServes();
  await assertServes();
});

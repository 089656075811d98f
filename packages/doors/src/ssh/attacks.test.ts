/** What a hostile client may try, with a client of `ssh2` that is made to do it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { ClientChannel, ParsedKey, Client as Ssh2Client } from "ssh2";
import type { SshInbound, SshListener } from "./contract.ts";
import { newOpenSshKey } from "./keys/openssh-key.ts";
import {
  MAX_CHANNELS,
  MAX_HOST_CHARS,
  MAX_LISTENERS,
  MAX_LOGIN_BYTES,
  MAX_LOGINS,
  MAX_SIGNALS,
  REKEYS,
} from "./limits.ts";
import { utils } from "./ssh2.ts";
import { exec, HesitantAgent, insides, loggedIn, send, startClient } from "./testing/library-client.ts";
import { runSsh } from "./testing/openssh.ts";
import { TestServer } from "./testing/test-server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
  server.open("somebody");
});
afterEach(() => server[Symbol.asyncDispose]());

const OTHERS = 5;
/** A listener that stays. */
const open = new Promise<void>(() => {});

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

describe("whoever has not logged in", () => {
  const globalRequest = Buffer.concat([Buffer.from([80, 0, 0, 0, 1]), Buffer.from("x"), Buffer.from([1])]);
  for (const [what, act] of [
    ["and opens a channel", (client: Ssh2Client) => insides(client).session(0, 1 << 20, 1 << 15)],
    ["and makes a request", (client: Ssh2Client) => send(client, globalRequest)],
    ["and sends one message after another", flood],
  ] as const)
    test(`${what}, is sent away`, async () => {
      const key = newKey();
      server.open("slow", [line(key)]);
      const { client } = await hesitant("slow", key);
      const gone = once(client, "close");
      act(client);
      await gone;
      await assertServes();
    });

  /** Messages that are to be ignored (RFC 4253, section 11.2). */
  function flood(client: Ssh2Client): void {
    const bytes = MAX_LOGIN_BYTES / 16;
    const ignored = Buffer.concat([Buffer.from([2, 0, 0, bytes >> 8, bytes & 0xff]), Buffer.alloc(bytes)]);
    for (let n = 0; n < 17; n++) send(client, ignored);
  }
});

describe("a connection that is over is closed, also if the client keeps its socket open", () => {
  for (const [what, message] of [
    ["says goodbye", Buffer.concat([Buffer.from([1, 0, 0, 0, 11]), Buffer.alloc(8)])],
    ["sends what makes no sense", Buffer.from([98])],
    [
      "sends what only servers send",
      Buffer.concat([Buffer.from([80, 0, 0, 0, 23]), Buffer.from("hostkeys-00@openssh.com\0")]),
    ],
  ] as const)
    test(`and ${what}`, async () => {
      const sock = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
      const client = startClient(server, "somebody", { sock });
      await once(client, "ready");
      await once(await exec(client, "echo ready; exec sleep 1000"), "data");
      const process = server.target.processes.at(-1)!;
      send(client, message);
      sock.pause();
      await server.reported("logout");
      await process.abandoned;
      await process.signal("SIGKILL");
      sock.destroy();
    });
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

test("a client that does nothing but exchange keys gets fewer and fewer answers, and hurts nobody", async () => {
  const client = await loggedIn(server, "somebody");
  const inside = insides(client);
  let exchanges = 0;
  const burst = Promise.withResolvers<void>();
  client.on("handshake", () => {
    if (++exchanges === REKEYS.burst) burst.resolve();
    setImmediate(() => inside.rekey());
  });
  const startedAt = performance.now();
  inside.rekey();
  await burst.promise;
  for (let n = 0; n < OTHERS; n++) await assertServes();
  const passedMs = performance.now() - startedAt;
  assert.ok(exchanges <= REKEYS.burst + passedMs / REKEYS.everyMs + 1, `${exchanges} in ${passedMs} ms`);
  // It is not sent away: what else it wants comes in its turn.
  client.removeAllListeners("handshake");
  await once((await exec(client, "true")).resume(), "close");
  client.end();
});

test("a client that is held up is sent away all the same when its door closes", async () => {
  const client = await loggedIn(server, "somebody");
  const inside = insides(client);
  const burst = Promise.withResolvers<void>();
  let exchanges = 0;
  client.on("handshake", () => (++exchanges < REKEYS.burst ? setImmediate(() => inside.rekey()) : burst.resolve()));
  inside.rekey();
  await burst.promise;
  inside.rekey();
  server.close("somebody");
  // Not before an error: the goodbye may come in the middle of an exchange.
  await new Promise<void>((resolve) => client.once("close", () => resolve()));
  assert.ok(await server.reported("logout"));
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
  const listening = Promise.withResolvers<SshListener>();
  const order: string[] = [];
  server.target.listen = () => {
    asked.resolve();
    return listening.promise;
  };
  const spawn = server.target.spawn.bind(server.target);
  server.target.spawn = (params, signal) => {
    if (params.program.kind === "exec") order.push(params.program.command);
    return spawn(params, signal);
  };
  const client = await loggedIn(server, "somebody");
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
  listening.resolve({ port: 1234, closed: open });
  await done;
  assert.deepEqual(order, [...Array<string>(OTHERS).fill("echo in"), "listens", "true"]);
  client.end();
});

describe("a client that opens and closes again and again", () => {
  test("gets an answer each time, also where it has started nothing, and keeps no place", async () => {
    const client = await loggedIn(server, "somebody");
    const inside = insides(client);
    const start = inside.exec;
    inside.exec = (channel) => inside.channelClose(channel);
    for (let n = 0; n <= MAX_CHANNELS; n++) await assert.rejects(exec(client, "true"), /Unable to exec/);
    inside.exec = start;
    const [code] = (await once((await exec(client, "exit 3")).resume(), "exit")) as [number];
    assert.equal(code, 3);
    client.end();
  });

  test("lets go of what is being started", async () => {
    const signals: AbortSignal[] = [];
    server.target.spawn = (_params, signal) => {
      signals.push(signal);
      return new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(new Error("It is late."))),
      );
    };
    const client = await loggedIn(server, "somebody");
    for (let n = 0; n <= MAX_CHANNELS; n++) {
      const channel = await exec(client, "true");
      channel.resume().close();
      await once(channel, "close");
    }
    assert.ok(signals.every(({ aborted }) => aborted));
    assert.equal(signals.length, MAX_CHANNELS + 1);
    client.end();
  });

  test("has no more places than that if its sandbox does not let go", async () => {
    server.target.spawn = () => new Promise(() => {});
    const client = await loggedIn(server, "somebody");
    for (let n = 0; n < MAX_CHANNELS; n++) {
      const channel = await exec(client, "true");
      channel.resume().close();
      await once(channel, "close");
    }
    await assert.rejects(exec(client, "true"), /Channel open failure/);
    client.end();
  });
});

test("resizes and signals that come faster than they are done do not pile up", async () => {
  const done = { sizes: [] as number[], signals: 0 };
  const resized = Promise.withResolvers<void>();
  const spawn = server.target.spawn.bind(server.target);
  server.target.spawn = async (params, signal) => {
    const process = await spawn(params, signal);
    process.resize = async (cols) => {
      done.sizes.push(cols);
      if (done.sizes.length > 1) lastDone.resolve();
      await resized.promise;
    };
    process.signal = () => {
      done.signals++;
      return new Promise(() => {});
    };
    return process;
  };
  const lastDone = Promise.withResolvers<void>();
  const client = await loggedIn(server, "somebody");
  const channel = await new Promise<ClientChannel>((resolve, reject) =>
    client.shell({ cols: 80, rows: 24 }, (error, shell) => (error ? reject(error) : resolve(shell))),
  );
  channel.resume();
  while (done.sizes.length === 0) {
    channel.setWindow(24, 100, 0, 0);
    await once((await exec(client, "true")).resume(), "close");
  }
  const [first] = done.sizes;
  for (let cols = 101; cols <= 1_000; cols++) {
    channel.setWindow(24, cols, 0, 0);
    channel.signal("USR1");
  }
  await once((await exec(client, "true")).resume(), "close");
  assert.deepEqual(done, { sizes: [first], signals: MAX_SIGNALS });
  resized.resolve();
  await lastDone.promise;
  assert.deepEqual(done.sizes, [first, 1_000]);
  client.end();
});

test("a client that listens on more ports than it may is refused, and leaves no trace for each of them", async () => {
  const closers: (() => void)[] = [];
  server.target.listen = async (port) => ({ port, closed: new Promise<void>((resolve) => closers.push(resolve)) });
  const client = await loggedIn(server, "somebody");
  const listen = (port: number) =>
    new Promise<Error | undefined>((resolve) => client.forwardIn("127.0.0.1", port, (error) => resolve(error)));
  for (let port = 1; port <= MAX_LISTENERS; port++) assert.equal(await listen(port), undefined);
  assert.ok(await listen(MAX_LISTENERS + 1));
  assert.equal(server.reports.filter(({ action }) => action === "listen").length, MAX_LISTENERS);
  // One that ends in the sandbox makes room.
  closers[0]!();
  assert.equal(await listen(MAX_LISTENERS + 1), undefined);
  client.end();
});

test("a sandbox that gives the same port twice confuses nobody: the second is refused, and takes no place", async () => {
  const over: Promise<unknown>[] = [];
  server.target.listen = async (_port, _take, signal) => {
    over.push(once(signal, "abort"));
    return { port: 4_000, closed: open };
  };
  const client = await loggedIn(server, "somebody");
  const listen = () => new Promise<Error | undefined>((resolve) => client.forwardIn("127.0.0.1", 0, resolve));
  assert.equal(await listen(), undefined);
  for (let n = 0; n < MAX_LISTENERS; n++) assert.ok(await listen());
  await Promise.all(over.slice(1));
  assert.equal(over.length, MAX_LISTENERS + 1, "each of them was asked for");
  await new Promise((resolve) => client.unforwardIn("127.0.0.1", 4_000, resolve));
  await over[0];
  client.end();
});

test("connections to a port that is listened on wait in the sandbox when there are too many", async () => {
  let take: (connection: SshInbound) => Promise<void> = () => Promise.reject(new Error("Nobody listens."));
  server.target.listen = (port, taker) => {
    take = taker;
    return Promise.resolve({ port, closed: open });
  };
  const client = await loggedIn(server, "somebody");
  // The client does not answer them.
  const offered: (() => void)[] = [];
  client.on("tcp connection", (_details, _accept, reject) => void offered.push(reject));
  await new Promise<void>((resolve) => client.forwardIn("127.0.0.1", 80, () => resolve()));
  const connect = () => take({ stream: new PassThrough(), origin: { host: "127.0.0.1", port: 1234 } });
  for (let n = 1; n < MAX_CHANNELS; n++) await connect();
  const last = connect().then(() => "there is room");
  await once((await exec(client, "true")).resume(), "close");
  assert.equal(await Promise.race([last, Promise.resolve("full")]), "full");
  assert.deepEqual(
    server.reports.filter(({ action }) => action === "accept"),
    [],
  );
  offered[0]!();
  assert.equal(await last, "there is room");
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

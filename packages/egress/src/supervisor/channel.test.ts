/** A proxy process that was taken over may say anything, and read nothing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { EgressEvent, FromProxy } from "../contract.ts";
import { Channel } from "./channel.ts";
import { writeLine } from "./lines.ts";
import { Lookups } from "./lookups.ts";

const EVENT: EgressEvent = {
  kind: "dns",
  at: 1,
  durationMs: 0,
  verdict: "allowed",
  rule: null,
  reason: null,
  process: null,
  name: "a.example",
  type: "A",
};

describe("the host's end of a proxy's connection", () => {
  let dir: string;
  before(async () => void (dir = await mkdtemp(join(tmpdir(), "sk-channel-"))));
  after(() => rm(dir, { recursive: true }));
  let count = 0;

  /** A channel, and the process's end of it. */
  async function open(take: (message: FromProxy) => Promise<void> | void = () => {}, now?: () => number) {
    const server = createServer();
    const path = join(dir, String(count++));
    server.listen(path);
    await once(server, "listening");
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const process = connect(path);
    process.on("error", () => {});
    const [host] = await accepted;
    server.close();
    const { promise: broken, resolve } = Promise.withResolvers<string>();
    return { process, host, channel: new Channel(host, take, resolve, now), broken };
  }

  test("takes messages of the contract, without anything that is not in it", async () => {
    const { promise, resolve } = Promise.withResolvers<FromProxy>();
    const { process, channel } = await open(resolve);
    writeLine(process, { type: "event", id: "one", event: { ...EVENT, more: "?" }, more: "?" });
    assert.deepEqual(await promise, { type: "event", id: "one", event: EVENT });
    channel.close();
  });

  test("takes an event with everything at its limit, each character in the longest form", async () => {
    const { promise, resolve } = Promise.withResolvers<FromProxy>();
    const { process, channel } = await open(resolve);
    const text = (length: number) => "\u0001".repeat(length);
    const { name: _, type: __, ...common } = EVENT as Extract<EgressEvent, { kind: "dns" }>;
    const names = Array.from({ length: 128 }, (_, n) => `NAME_${n}`.padEnd(128, "_"));
    const event: EgressEvent = {
      ...common,
      kind: "http",
      rule: text(2_048),
      reason: text(2_048),
      process: { pid: 1, name: text(64) },
      protocol: "h2",
      scheme: "https",
      method: text(2_049),
      host: "a".repeat(253),
      port: 443,
      path: text(2_049),
      query: Array.from({ length: 64 }, () => text(129)),
      status: 200,
      bytesUp: Number.MAX_SAFE_INTEGER,
      bytesDown: Number.MAX_SAFE_INTEGER,
      // Those of 64 secrets, and of 64 that were replaced.
      secrets: names,
      placeholders: names,
      address: "2001:db8::1",
    };
    writeLine(process, { type: "event", id: "one", event });
    assert.deepEqual(await promise, { type: "event", id: "one", event });
    channel.close();
  });

  test("breaks with a process that says anything else", async () => {
    for (const message of [
      { type: "shutdown" },
      { type: "done", seq: "1", error: null },
      { type: "event", id: "one", event: { ...EVENT, verdict: "perhaps" } },
      { type: "event", id: "one", event: { ...EVENT, name: "a".repeat(2_000) } },
      { type: "event", id: "x".repeat(300), event: EVENT },
      { type: "log", level: "fatal", text: "" },
      { type: "log", level: "info", text: "a".repeat(20_000) },
      { type: "lookup", seq: 1, name: "a".repeat(300) },
      { type: "lookup", seq: -1, name: "a.example" },
      null,
      [],
    ]) {
      const { process, broken } = await open(() => assert.fail(JSON.stringify(message)));
      writeLine(process, message);
      assert.match(await broken, /not in the contract/);
    }
    const { process, broken } = await open();
    process.write("x".repeat(300 * 1024));
    assert.match(await broken, /longer than/);
  });

  test("stops reading while too much is unfinished, and goes on when it is", async () => {
    const finish: (() => void)[] = [];
    const { process, host, channel } = await open(() => new Promise<void>((resolve) => finish.push(resolve)));
    const line = `${JSON.stringify({ type: "log", level: "info", text: "a".repeat(16_000) })}\n`;
    let sent = 0;
    const flood = () => {
      while (process.write(line)) sent++;
      sent++;
    };
    process.on("drain", flood);
    flood();
    await once(host, "pause");
    const held = finish.length;
    assert.ok(held * line.length > 30e6 && held * line.length < 40e6, `${held} messages`);
    process.off("drain", flood);
    const resumed = once(host, "resume");
    for (const done of finish) done();
    await resumed;
    while (finish.length < sent) await new Promise(setImmediate);
    channel.close();
  });

  test("reads no faster than the busiest proxy needs", async () => {
    let taken = 0;
    const { process, host, channel } = await open(
      () => void taken++,
      // A clock that stands still, however busy this computer is.
      () => 0,
    );
    const line = `${JSON.stringify({ type: "done", seq: 1, error: null })}\n`.repeat(1_000);
    const flood = () => {
      while (process.write(line));
    };
    process.on("drain", flood);
    flood();
    await once(host, "pause");
    // The burst, and what was in the last piece.
    assert.ok(taken >= 38_000 && taken < 45_000, String(taken));
    await once(host, "resume");
    channel.close();
    process.destroy();
  });

  test("reads later if handling takes too much of the server's time, however short the messages are", async () => {
    let now = 0;
    let taken = 0;
    const handled: (() => void)[] = [];
    const { process, host, channel } = await open(
      () => {
        taken++;
        now += 500;
        handled.shift()?.();
      },
      () => now,
    );
    const paused = once(host, "pause");
    // Each comes as a piece of its own.
    while (!host.isPaused()) {
      const next = new Promise<void>((resolve) => handled.push(resolve));
      writeLine(process, { type: "ready" });
      await next;
      await new Promise(setImmediate);
    }
    await paused;
    // A burst of 2 s, and a quarter of the time that passed.
    assert.equal(taken, 6);
    channel.close();
    process.destroy();
  });

  test("rests for the longer of two reasons", async ({ mock }) => {
    let now = 0;
    let taken = 0;
    const { process, host, channel } = await open(
      // The first one beyond the number of messages also takes more time than it may.
      () => void (++taken === 40_001 && (now += 10_000)),
      () => now,
    );
    mock.timers.enable({ apis: ["setTimeout"] });
    const paused = once(host, "pause");
    process.write(`${JSON.stringify({ type: "ready" })}\n`.repeat(40_001));
    await paused;
    await new Promise(setImmediate);
    mock.timers.tick(10_000);
    assert.equal(host.isPaused(), true);
    mock.timers.tick(60_000);
    assert.equal(host.isPaused(), false);
    channel.close();
    process.destroy();
  });

  test("stops reading while its answers are not read, but not because of what nobody asked for", async () => {
    const { process, host, channel } = await open();
    process.pause();
    const addresses = ["192.0.2.1".padEnd(1_000_000)];
    for (let megabytes = 0; megabytes < 8; megabytes++) channel.send({ type: "resolvers", resolvers: addresses });
    assert.equal(host.isPaused(), false);
    for (let seq = 1; seq <= 8; seq++) channel.answer({ type: "addresses", seq, addresses, code: null });
    assert.equal(host.isPaused(), true);
    const resumed = once(host, "resume");
    process.resume();
    await resumed;
    channel.close();
    process.destroy();
  });

  test("holds no more than so many messages unfinished, however short they are", async () => {
    let taken = 0;
    const { process, host, channel } = await open(
      () => {
        taken++;
        return new Promise<void>(() => {});
      },
      () => 0,
    );
    process.write(`${JSON.stringify({ type: "ready" })}\n`.repeat(39_000));
    await once(host, "pause");
    // 1,024 bytes and its own for each; one piece may be read in addition.
    assert.ok(taken > 32_000 && taken < 38_000, String(taken));
    channel.close();
    process.destroy();
  });

  test("breaks with a process that closes its end, and lives on", async () => {
    const { process, broken } = await open();
    process.end();
    assert.match(await broken, /closed its connection/);
  });

  test("breaks with a process that leaves too much unread", async () => {
    const { process, channel, broken } = await open();
    process.pause();
    const resolvers = Array.from({ length: 1_000 }, () => "192.0.2.1".padEnd(1_000));
    for (let megabytes = 0; megabytes < 300; megabytes++) channel.send({ type: "resolvers", resolvers });
    assert.match(await broken, /does not read/);
    process.destroy();
  });

  test("breaks with a process that looks up more names at once than it may", async () => {
    const lookups = new Lookups();
    const { process, broken } = await open((message) => {
      if (message.type === "lookup") return lookups.answer(message).then(() => {});
    });
    for (let seq = 1; seq < 100; seq++) writeLine(process, { type: "lookup", seq, name: `n${seq}.invalid` });
    assert.match(await broken, /too many names/);
  });
});

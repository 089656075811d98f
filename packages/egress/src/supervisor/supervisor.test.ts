import assert from "node:assert/strict";
import { createSocket, type Socket as DnsSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import * as packet from "dns-packet";
import type { EgressConfig, EgressEvent, EgressSpec } from "../contract.ts";
import { FakeGuest, FlowRefused } from "../testing/guest.ts";
import { EgressProxies } from "./proxies.ts";

const CONFIG: EgressConfig = {
  hosts: {},
  caFiles: [],
  passThrough: [],
  dnsServers: [],
  upstreamProxy: null,
  hooks: null,
  processes: 1,
};
const spec = (allow: string[] | null, deny: string[] = []): EgressSpec => ({
  policy: { allow, deny, rules: [] },
  secrets: [],
});

/** A port of this machine that echoes, and says what it got. */
async function echo(): Promise<{ server: Server; port: number; connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as { port: number }).port, connections: () => connections };
}

/** A resolver for which every name is this machine. */
async function resolver(): Promise<DnsSocket> {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    const { id, questions } = packet.decode(query);
    const answers: packet.Answer[] =
      questions?.[0]?.type === "A" ? [{ type: "A", name: questions[0].name, ttl: 60, data: "127.0.0.1" }] : [];
    socket.send(
      packet.encode({
        type: "response",
        id: id ?? 0,
        flags: packet.RECURSION_AVAILABLE,
        questions: questions ?? [],
        answers,
      }),
      port,
      address,
    );
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/** Resolves when a stream is gone, however it went. */
function gone(stream: Duplex): Promise<void> {
  stream.on("error", () => {});
  return new Promise((resolve) => stream.once("close", () => resolve()));
}

async function say(stream: Duplex, text: string): Promise<string> {
  stream.write(text);
  const [data] = (await once(stream, "data")) as [Buffer];
  return data.toString();
}

describe("the proxy's process", () => {
  let dir: string;
  let upstream: Awaited<ReturnType<typeof echo>>;
  const events: EgressEvent[] = [];
  const violations: string[] = [];
  let proxy: EgressProxies;
  let dns: DnsSocket;
  let guest: FakeGuest;
  let taken: (() => Promise<void>) | null = null;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-"));
    upstream = await echo();
    dns = await resolver();
    proxy = new EgressProxies({
      hostId: "host_1",
      dir,
      folder: join(dir, "ports"),
      jail: "full",
      config: {
        ...CONFIG,
        dnsServers: [`127.0.0.1:${dns.address().port}`],
        hosts: { "inner.example": `127.0.0.1:${upstream.port}` },
      },
      log: silentLogger,
      onEvent: async (_, event) => {
        events.push(event);
        await taken?.();
      },
      onViolation: (id, detail) => violations.push(`${id}: ${detail}`),
    });
    guest = await FakeGuest.listen(join(dir, "guest"));
    await proxy.attach("one", guest.socket, spec(["inner.example"]));
  });

  after(async () => {
    await proxy[Symbol.asyncDispose]();
    await guest[Symbol.asyncDispose]();
    upstream.server.close();
    dns.close();
    await rm(dir, { recursive: true });
  });

  test("carries a flow to a name that policy allows, and says what went over it", async () => {
    const stream = await guest.connectTo("inner.example", 5432);
    assert.equal(await say(stream, "hello"), "hello");
    stream.end();
    await gone(stream);
  });

  test("refuses what policy does not allow, and dials nothing", async () => {
    const before = upstream.connections();
    await assert.rejects(
      guest.connectTo("other.example", 5432),
      (error: FlowRefused) => error.errno === "ECONNREFUSED",
    );
    await assert.rejects(guest.connect(`127.0.0.1:${upstream.port}`), FlowRefused);
    await assert.rejects(guest.connect("198.19.3.4:5432"), (error: FlowRefused) => error.errno === "EHOSTUNREACH");
    assert.equal(upstream.connections(), before);
  });

  test("cuts an open connection when policy no longer allows it", async () => {
    const stream = await guest.connectTo("inner.example", 5432);
    assert.equal(await say(stream, "still"), "still");
    const cut = gone(stream);
    await proxy.update("one", spec(["inner.example"], ["inner.example"]));
    await cut;
    await assert.rejects(guest.connectTo("inner.example", 5432), FlowRefused);
    await proxy.update("one", spec(["inner.example"]));
    (await guest.connectTo("inner.example", 5432)).destroy();
  });

  test("cuts a connection to a name when the address that was dialled for it is denied", async () => {
    await proxy.update("one", spec(["name.example", "127.0.0.1"]));
    const stream = await guest.connectTo("name.example", upstream.port);
    assert.equal(await say(stream, "here"), "here");
    const cut = gone(stream);
    await proxy.update("one", spec(["name.example", "127.0.0.1"], ["127.0.0.1"]));
    await cut;
    await assert.rejects(guest.connectTo("name.example", upstream.port), FlowRefused);
    await proxy.update("one", spec(["inner.example"]));
  });

  test("a spec that cannot be used is refused, and the one before stays", async () => {
    await assert.rejects(proxy.update("one", spec(["https://no"])), /https:\/\/no/);
    (await guest.connectTo("inner.example", 5432)).destroy();
  });

  test("when it dies nothing leaves, and when it is back everything is as it was", async () => {
    const stream = await guest.connectTo("inner.example", 5432);
    const closed = gone(stream);
    const former = proxy.pidOf("one")!;
    process.kill(former, "SIGKILL");
    await closed;
    const again = await guest.connectTo("inner.example", 5432);
    assert.equal(await say(again, "back"), "back");
    assert.notEqual(proxy.pidOf("one"), former);
    again.destroy();
  });

  test("nothing more begins while events are not taken", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    taken = () => promise;
    // More than may be on their way: each is refused, and reported.
    const refused = Array.from({ length: 400 }, () =>
      guest.connect("203.0.113.9:5432").then(
        () => "connected",
        () => "refused",
      ),
    );
    let settled = 0;
    for (const one of refused) void one.then(() => settled++);
    const seen = events.length;
    while (events.length < seen + 256) await new Promise((next) => setTimeout(next, 10));
    const next = guest.connectTo("inner.example", 5432);
    const first = await Promise.race([
      next.then(() => "connected"),
      new Promise((later) => setTimeout(later, 200, "waits")),
    ]);
    assert.equal(first, "waits");
    taken = null;
    resolve();
    (await next).destroy();
    await Promise.all(refused);
    assert.equal(settled, 400);
  });

  test("a guest that breaks the contract is reported, and its port is closed", async () => {
    const bad = await FakeGuest.listen(join(dir, "bad"));
    await assert.rejects(proxy.attach("bad", bad.socket, spec(["https://no"])), /https:\/\/no/);
    await proxy.attach("bad", bad.socket, spec(null));
    await assert.rejects(bad.connect("not-an-address:1"), /reset|closed|refused/i);
    while (violations.length === 0) await new Promise((next) => setTimeout(next, 10));
    assert.match(violations[0]!, /^bad: /);
    proxy.detach("bad");
    await bad[Symbol.asyncDispose]();
  });
});

/** Policy changes take effect at every step of every connection: afterwards, no byte leaves that the new policy does not allow. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, afterEach, before, describe, test } from "node:test";
import type { Answer, Question } from "dns-packet";
import type { PolicySpec } from "../contract.ts";
import { TestNameServer } from "../testing/name-server.ts";
import { BlackHole } from "./testing/black-hole.ts";
import { Certificates, Lab, type LabOptions, readAll } from "./testing/lab.ts";
import { type Recorder, upstream } from "./testing/upstreams.ts";

const NAME = "slow.test";
/** Another address of the loopback, so that it can be denied by itself. */
const ADDRESS = "127.0.0.2";
const DEAD_ADDRESS = "127.0.0.3";

/** Ways to take it away again. */
const CHANGES: Record<string, Partial<PolicySpec>> = {
  "the name is taken off the list": { allow: [ADDRESS, DEAD_ADDRESS] },
  "the address is taken off the list": { allow: [NAME, DEAD_ADDRESS] },
  "the name is denied": { deny: [NAME] },
  "the address is denied": { deny: [ADDRESS] },
  "a range around the address is denied": { deny: ["127.0.0.2/31"] },
  "nothing is allowed any more": { allow: [] },
};

describe("a change", () => {
  let dir: string;
  let certificates: Certificates;
  let names: TestNameServer;
  let target: Recorder;
  /** What the name server says of the name. */
  let addresses = [ADDRESS];
  const open: AsyncDisposable[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    names = await TestNameServer.start(({ type, name }: Question): Answer[] =>
      type === "A" ? addresses.map((data) => ({ type: "A", name, ttl: 0, data })) : [],
    );
    target = await upstream((socket) => socket.resume(), {}, ADDRESS);
  });
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
    names.questions.length = 0;
    addresses = [ADDRESS];
  });
  after(async () => {
    await names[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const start = async (options: Partial<LabOptions> = {}) => {
    const lab = await Lab.start(certificates, {
      hosts: {},
      dnsServers: [names.address],
      ...options,
      policy: { allow: [NAME, ADDRESS, DEAD_ADDRESS], ...options.policy },
    });
    open.push(lab);
    return lab;
  };
  /** The guest is refused, or what it had is reset. */
  const refused = async (stream: Promise<Duplex>) => {
    await assert.rejects(stream, /ECONNREFUSED/);
  };
  const ended = (stream: Duplex) =>
    stream.destroyed || stream.readableEnded
      ? Promise.resolve()
      : new Promise<void>((resolve) =>
          stream
            .on("error", () => undefined)
            .once("end", () => resolve())
            .once("close", () => resolve())
            .resume(),
        );

  for (const [what, change] of Object.entries(CHANGES)) {
    describe(`by which ${what}`, () => {
      test("counts for a name that is being looked up: nothing is dialled", async () => {
        const lab = await start();
        const before = target.connections();
        const release = names.hold();
        const stream = lab.open(NAME, target.port);
        stream.catch(() => undefined);
        await names.asked(`A ${NAME}`);
        lab.update(change);
        release();
        await refused(stream);
        assert.equal(target.connections(), before);
        assert.equal((await lab.reports(1))[0]!.verdict, "denied");
      });

      test("counts for an address whose turn comes while another one does not answer", async () => {
        const hole = await BlackHole.open(DEAD_ADDRESS, target.port);
        open.push(hole);
        addresses = [DEAD_ADDRESS, ADDRESS];
        const lab = await start();
        const before = target.connections();
        const stream = lab.open(NAME, target.port);
        stream.catch(() => undefined);
        await names.asked(`A ${NAME}`);
        // The first address is being tried, since the second one's turn is a quarter of a second later.
        await new Promise(setImmediate);
        lab.update(change);
        // Longer than until its turn.
        const outcome = await Promise.race([
          stream.then(
            () => "connected",
            (error: Error) => error.message,
          ),
          new Promise((later) => setTimeout(later, 500, "still trying")),
        ]);
        assert.notEqual(outcome, "connected");
        assert.equal(target.connections(), before);
      });

      test("cuts what is open, and it carries nothing more", async () => {
        const lab = await start();
        const stream = await lab.open(NAME, target.port);
        stream.write("before");
        while (!target.received().endsWith("before")) await new Promise(setImmediate);
        lab.update(change);
        stream.write("after");
        await ended(stream);
        assert.ok(!target.received().includes("after"));
      });

      test("ends a TLS handshake that is under way", async () => {
        const lab = await start();
        const before = target.received().length;
        const tls = lab.openTls(NAME, target.port);
        tls.catch(() => undefined);
        while (target.received().length === before) await new Promise(setImmediate);
        const [socket] = [...target.sockets].slice(-1);
        lab.update(change);
        await ended(socket!);
        const stream = await tls;
        stream.write(`GET / HTTP/1.1\r\nHost: ${NAME}:${target.port}\r\nConnection: close\r\n\r\n`);
        assert.match(await readAll(stream), /^HTTP\/1\.1 403 /);
        assert.ok(!target.received().slice(before).includes("GET"));
      });

      test("ends a connection that another proxy is being asked for", async () => {
        let asked = "";
        const { promise: gone, resolve } = Promise.withResolvers<void>();
        await using proxy = await upstream((socket) => {
          socket.once("end", resolve).once("close", resolve);
          socket.on("data", (chunk: Buffer) => (asked += chunk.toString()));
        });
        const lab = await start({ upstreamProxy: `http://127.0.0.1:${proxy.port}` });
        const stream = lab.open(NAME, target.port);
        stream.catch(() => undefined);
        while (!asked.endsWith("\r\n\r\n")) await new Promise(setImmediate);
        lab.update(change);
        await refused(stream);
        await gone;
      });

      test("cuts what goes through another proxy", async () => {
        let got = "";
        await using proxy = await upstream((socket) => {
          socket.on("data", (chunk: Buffer) => {
            if (got === "") socket.write("HTTP/1.1 200 OK\r\n\r\n");
            got += chunk.toString();
          });
        });
        const lab = await start({ upstreamProxy: `http://127.0.0.1:${proxy.port}` });
        const stream = await lab.open(NAME, target.port);
        stream.write("before");
        while (!got.endsWith("before")) await new Promise(setImmediate);
        lab.update(change);
        stream.write("after");
        await ended(stream);
        assert.ok(!got.includes("after"));
      });

      test("counts for what CONNECT asks for", async () => {
        await using proxy = await upstream((socket) => socket.resume());
        const lab = await start({
          hosts: { "proxy.test": proxy.port },
          policy: { allow: [NAME, ADDRESS, "proxy.test"] },
        });
        const before = target.connections();
        const stream = await lab.open("proxy.test", 8080);
        const release = names.hold();
        stream.write(`CONNECT ${NAME}:${target.port} HTTP/1.1\r\nHost: ${NAME}:${target.port}\r\n\r\n`);
        await names.asked(`A ${NAME}`);
        lab.update({ ...change, allow: [...(change.allow ?? [NAME, ADDRESS]), "proxy.test"] });
        release();
        assert.match(await readAll(stream), /^HTTP\/1\.1 502 /);
        assert.equal(target.connections(), before);
      });
    });
  }

  for (const [what, change] of Object.entries({
    "an allow list with the name comes": { allow: [NAME] },
    "the name is denied": { deny: [NAME] },
  })) {
    test(`by which ${what} ends UDP, both ways`, async () => {
      const echo = createSocket("udp4");
      const got: string[] = [];
      echo.on("message", (datagram, { port, address }) => {
        got.push(String(datagram));
        echo.send(datagram, port, address);
      });
      await once(echo.bind(0, "127.0.0.1"), "listening");
      const lab = await start({ hosts: { [NAME]: echo.address().port }, policy: { allow: null } });
      const address = (await lab.resolve(NAME))!;
      const udp = await lab.udp(address, 5000);
      udp.send(Buffer.from("before"));
      assert.equal(String(await udp.received()), "before");
      lab.update(change);
      udp.send(Buffer.from("after"));
      await ended(udp.stream);
      await assert.rejects(lab.udp(address, 5000), /ECONNREFUSED/);
      assert.deepEqual(got, ["before"]);
      echo.close();
      assert.deepEqual(
        (await lab.reports(2)).map(({ verdict }) => verdict),
        ["allowed", "denied"],
      );
    });
  }

  for (const [what, change] of Object.entries({
    "an allow list with the name comes": { allow: [NAME] },
    "the name is denied": { deny: [NAME] },
    "the address is denied": { deny: ["203.0.113.9"] },
  })) {
    test(`by which ${what} counts for UDP to a name that is being looked up`, async () => {
      addresses = ["203.0.113.9"];
      const lab = await start();
      // Under a list, this looks nothing up.
      const address = (await lab.resolve(NAME))!;
      lab.update({ allow: null });
      const release = names.hold();
      const flow = lab.udp(address, 5000);
      flow.catch(() => undefined);
      await names.asked(`A ${NAME}`);
      lab.update(change);
      release();
      await assert.rejects(flow, /ECONNREFUSED/);
      assert.equal((await lab.reports(1))[0]!.verdict, "denied");
    });
  }
});

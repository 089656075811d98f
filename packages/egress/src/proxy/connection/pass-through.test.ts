/** TLS that is passed through: what it must not be used for. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Certificates, Lab, type LabOptions, readAll } from "../testing/lab.ts";
import { statuses } from "../testing/raw-http.ts";
import { httpUpstream, type Recorder } from "../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";

describe("a pass-through host", () => {
  let dir: string;
  let certificates: Certificates;
  let pinned: Recorder;
  let other: Recorder;
  let plain: Recorder;
  let lab: Lab | null = null;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    const answer = (request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) =>
      void response.end(`for ${request.headers.host}`);
    pinned = await httpUpstream(answer, { tls: await certificates.contextFor("pinned.test") });
    other = await httpUpstream(answer, { tls: await certificates.contextFor("other.test") });
    plain = await httpUpstream(answer);
  });
  afterEach(async () => {
    await lab?.[Symbol.asyncDispose]();
    lab = null;
  });
  after(async () => {
    for (const one of [pinned, other, plain]) await one[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const start = async (options: Partial<LabOptions> = {}) =>
    (lab = await Lab.start(certificates, {
      hosts: { "pinned.test": pinned.port, "other.test": other.port, "plain.test": plain.port },
      passThrough: ["pinned.test", "plain.test"],
      secrets: [{ name: "KEY", value: VALUE, hosts: ["pinned.test", "plain.test"], inBody: true }],
      ...options,
    }));
  /** Opens TLS with whatever name, trusting nobody; fails when it is refused. */
  const open = async (lab: Lab, host: string, servername: string, port = 443): Promise<TLSSocket> => {
    const tls = connectTls({ socket: (await lab.open(host, port)) as never, servername, rejectUnauthorized: false });
    tls.on("error", () => undefined);
    const closed = once(tls, "close").then(() => Promise.reject(new Error("closed during the handshake")));
    closed.catch(() => undefined);
    await Promise.race([once(tls, "secureConnect"), closed]);
    return tls;
  };

  test("is reached as it is, with placeholders as they are", async () => {
    const lab = await start();
    const tls = await open(lab, "pinned.test", "pinned.test");
    tls.write(
      `GET /?${lab.placeholders.KEY} HTTP/1.1\r\nHost: pinned.test\r\nConnection: close\r\nAuthorization: ${lab.placeholders.KEY}\r\n\r\n`,
    );
    assert.match(await readAll(tls), /for pinned\.test/);
    assert.ok(!pinned.received().includes(VALUE));
  });

  for (const [what, host, servername, port, policy] of [
    ["by no name", "pinned.test", "", 443, {}],
    ["by another's name", "other.test", "pinned.test", 443, {}],
    ["by a name with its own behind it", "other.test", "other.test.pinned.test", 443, {}],
    ["on a port that policy does not allow", "pinned.test", "pinned.test", 8443, { allow: ["pinned.test:443"] }],
    ["when it is denied", "pinned.test", "pinned.test", 443, { deny: ["pinned.test"] }],
    [
      "when request rules are for it",
      "pinned.test",
      "pinned.test",
      443,
      { rules: [{ host: "pinned.test", methods: ["GET"] }] },
    ],
    [
      "by its name at a bare address, when it is not allowed",
      "203.0.113.9",
      "pinned.test",
      443,
      { allow: ["other.test"] },
    ],
  ] as const) {
    test(`is not reached ${what}`, async () => {
      const lab = await start({ policy: policy as object });
      const before = pinned.received().length + other.received().length;
      const tls = await open(lab, host, servername, port).catch(() => null);
      if (tls) {
        const [status] = await statuses(tls, "GET / HTTP/1.1\r\nHost: pinned.test\r\nConnection: close\r\n\r\n");
        assert.equal(status, 403);
      }
      assert.equal(pinned.received().length + other.received().length, before);
    });
  }

  test("is reached at its own address, whatever address its name was said at", async () => {
    const lab = await start();
    // Nothing is dialled at the address that the guest chose.
    const tls = await open(lab, "203.0.113.9", "pinned.test");
    tls.write("GET / HTTP/1.1\r\nHost: pinned.test\r\nConnection: close\r\n\r\n");
    assert.match(await readAll(tls), /for pinned\.test/);
    tls.destroy();
    assert.deepEqual(
      (await lab.reports(1)).map((event) => [event.kind, event.host, event.address]),
      [["connection", "pinned.test", "127.0.0.1"]],
    );
  });

  test("has HTTP without TLS read like any other, without secrets", async () => {
    const lab = await start();
    const stream = await lab.open("plain.test", 80);
    assert.deepEqual(
      await statuses(
        stream,
        `GET / HTTP/1.1\r\nHost: evil.test\r\nAuthorization: ${lab.placeholders.KEY}\r\nConnection: close\r\n\r\n`,
      ),
      [403],
    );
    assert.deepEqual(
      await statuses(
        await lab.open("plain.test", 80),
        `GET / HTTP/1.1\r\nHost: plain.test\r\nAuthorization: ${lab.placeholders.KEY}\r\nConnection: close\r\n\r\n`,
      ),
      [200],
    );
    assert.ok(!plain.received().includes(VALUE));
  });

  test("that speaks no TLS finds no request in what begins as TLS", async () => {
    const lab = await start();
    const before = plain.received().length;
    const stream = await lab.open("plain.test", 443);
    const tls = connectTls({
      socket: stream as never,
      servername: "plain.test",
      ALPNProtocols: ["x\r\nGET /hidden HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
      rejectUnauthorized: false,
    });
    tls.on("error", () => undefined);
    await readAll(stream);
    assert.ok(!plain.received().slice(before).includes("/hidden"));
    assert.equal((await lab.reports(1))[0]!.verdict, "denied");
  });

  test("is cut when policy changes, not intercepted in the middle", async () => {
    const lab = await start();
    const tls = await open(lab, "pinned.test", "pinned.test");
    const closed = once(tls, "close");
    lab.update({ deny: ["pinned.test"] });
    await closed;
  });
});

/** Dialling through an upstream proxy: what guests may try, and how that proxy may respond. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { Answer, Question } from "dns-packet";
import { Certificates, Lab, type LabOptions, readAll } from "../proxy/testing/lab.ts";
import { type Recorder, upstream } from "../proxy/testing/upstreams.ts";
import { TestNameServer } from "../testing/name-server.ts";

const ZONE: Record<string, string[]> = {
  "public.test": ["203.0.113.9"],
  "inner.test": ["10.0.0.9"],
  "mixed.test": ["203.0.113.9", "10.0.0.9"],
  "metadata.test": ["169.254.169.254"],
  "denied.test": ["203.0.113.66"],
  "half.test": ["203.0.113.9", "203.0.113.66"],
};

describe("through another proxy", () => {
  let dir: string;
  let certificates: Certificates;
  let names: TestNameServer;
  let proxy: Recorder;
  /** What it says to a CONNECT. */
  let says = "HTTP/1.1 200 Connection established\r\n\r\n";
  let lab: Lab | null = null;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    names = await TestNameServer.start(({ type, name }: Question): Answer[] | null =>
      ZONE[name] ? (type === "A" ? ZONE[name].map((data) => ({ type: "A", name, ttl: 60, data })) : []) : null,
    );
    proxy = await upstream((socket) => {
      socket
        .once("data", () => {
          if (says === "") return socket.destroy();
          socket.write(Buffer.from(says, "latin1"));
          if (!says.includes(" 200 ")) socket.end();
        })
        .on("end", () => socket.end());
    });
  });
  afterEach(async () => {
    await lab?.[Symbol.asyncDispose]();
    lab = null;
    says = "HTTP/1.1 200 Connection established\r\n\r\n";
  });
  after(async () => {
    await names[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const start = async (options: Partial<LabOptions> = {}) =>
    (lab = await Lab.start(certificates, {
      hosts: {},
      dnsServers: [names.address],
      upstreamProxy: `http://user:pass%20word@127.0.0.1:${proxy.port}`,
      ...options,
      policy: { allow: null, deny: ["203.0.113.66"], ...options.policy },
    }));

  test("a host is asked for by its name, with the proxy's credentials, which nobody else gets", async () => {
    const lab = await start();
    const before = proxy.received().length;
    (await lab.open("public.test", 5432)).destroy();
    assert.match(
      proxy.received().slice(before),
      /^CONNECT public\.test:5432 HTTP\/1\.1\r\n[^]*proxy-authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n/i,
    );
    says = "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n";
    await assert.rejects(lab.open("public.test", 5432), /EHOSTUNREACH/);
    assert.doesNotMatch(JSON.stringify(lab.events), /pass|dXNlcj/);
  });

  for (const allow of [
    null,
    ["public.test", "inner.test", "mixed.test", "metadata.test", "denied.test", "half.test", "0.0.0.0/0", "::/0"],
  ]) {
    describe(allow ? "under an allow list" : "without a list", () => {
      for (const host of [
        "inner.test",
        "mixed.test",
        "metadata.test",
        "denied.test",
        "half.test",
        "127.0.0.1",
        "10.0.0.9",
        "169.254.169.254",
        "203.0.113.66",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.9]",
        "[64:ff9b::a00:9]",
        "[2002:a00:9::]",
        "[fd00::1]",
        "[64:ff9b::cb00:7142]",
        "0.0.0.0",
        "255.255.255.255",
      ]) {
        test(`it is not asked for ${host}`, async () => {
          const lab = await start({ policy: { allow } });
          const before = proxy.connections();
          await assert.rejects(lab.open(host, 5432), /ECONNREFUSED|EHOSTUNREACH/);
          assert.equal(proxy.connections(), before);
        });
      }
    });
  }

  test("UDP does not leave past it", async () => {
    const lab = await start();
    await assert.rejects(lab.udp((await lab.resolve("public.test"))!, 5000), /ECONNREFUSED/);
    await assert.rejects(lab.udp("203.0.113.9", 5000), /ECONNREFUSED/);
    assert.deepEqual(
      (await lab.reports(2)).map(({ verdict, reason }) => [verdict, reason]),
      Array(2).fill(["denied", "The configured upstream proxy cannot carry UDP."]),
    );
  });

  for (const [what, answer] of Object.entries({
    closes: "",
    refuses: "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n",
    redirects: "HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n",
    "speaks no HTTP": "SSH-2.0-x\r\n",
    switches: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "says ever more": `HTTP/1.1 200 OK\r\n${"X-Long: y\r\n".repeat(20_000)}\r\n`,
    "has a broken head": "HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n",
  })) {
    test(`one that ${what} means that the host cannot be reached`, async () => {
      const lab = await start();
      says = answer;
      await assert.rejects(lab.open("public.test", 5432), /EHOSTUNREACH/);
      assert.equal((await lab.reports(1))[0]!.verdict, "failed");
    });
  }

  test("what it sends with its answer is the upstream's", async () => {
    const lab = await start();
    says = "HTTP/1.1 200 OK\r\nX: y\r\n\r\nSSH-2.0-early\r\n";
    const stream = await lab.open("public.test", 22);
    stream.end();
    assert.equal(await readAll(stream), "SSH-2.0-early\r\n");
  });
});

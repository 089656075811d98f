/** An allowed host that is itself an HTTP proxy: requests with a URL as their target go through it if policy also allows the target. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Answer, Question } from "dns-packet";
import { TestNameServer } from "../../../testing/name-server.ts";
import { Certificates, Lab, type LabOptions, readAll } from "../../testing/lab.ts";
import { dechunk, readAnswer, statuses } from "../../testing/raw-http.ts";
import { bodyOf, httpUpstream, type Recorder } from "../../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";
const PROXY = "proxy.test";
const PORT = 3142;

describe("requests through an HTTP proxy that the sandbox may reach", () => {
  let dir: string;
  let certificates: Certificates;
  let names: TestNameServer;
  /** It answers by itself what it was asked for. */
  let proxy: Recorder;
  const labs: Lab[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    const addresses: Record<string, string> = { "deb.test": "203.0.113.9", "inner.test": "10.0.0.9" };
    names = await TestNameServer.start(({ type, name }: Question): Answer[] | null =>
      type === "A" && addresses[name] ? [{ type: "A", name, ttl: 60, data: addresses[name] }] : null,
    );
    proxy = await httpUpstream(async (request, response) => {
      const body = await bodyOf(request);
      response.end(
        `${request.method} ${request.url} for ${request.headers.host}, ${request.headers["proxy-authorization"]} ${body.length}`,
      );
    });
  });
  afterEach(async () => {
    for (const lab of labs.splice(0)) await lab[Symbol.asyncDispose]();
  });
  after(async () => {
    await names[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const start = async (options: Partial<LabOptions> = {}) => {
    const lab = await Lab.start(certificates, {
      hosts: { [PROXY]: proxy.port },
      dnsServers: [names.address],
      ...options,
      policy: { allow: [PROXY, "deb.test", "inner.test", "elsewhere.test"], ...options.policy },
    });
    labs.push(lab);
    return lab;
  };
  const get = (url: string, host: string, more = "") =>
    `GET ${url} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`;
  const ask = async (lab: Lab, request: string, port = PORT) => {
    const stream = await lab.open(PROXY, port);
    stream.write(request);
    return dechunk(await readAll(stream));
  };

  test("pass where policy allows both, as the proxy has to get them, and are on record as for their target", async () => {
    const lab = await start();
    const answer = await ask(
      lab,
      get(
        "http://deb.test/debian/x?y",
        "deb.test",
        "Proxy-Authorization: Basic dTpw\r\nProxy-Connection: keep-alive\r\n",
      ),
    );
    assert.match(answer, /^HTTP\/1\.1 200 [^]*GET http:\/\/deb\.test\/debian\/x\?y for deb\.test, Basic dTpw 0$/);
    assert.match(
      await ask(lab, get("http://deb.test:8000/", "deb.test:8000")),
      /GET http:\/\/deb\.test:8000\/ for deb\.test:8000,/,
    );
    // A name that only the proxy can look up.
    assert.match(
      await ask(lab, get("http://elsewhere.test", "elsewhere.test")),
      /GET http:\/\/elsewhere\.test\/ for elsewhere\.test,/,
    );
    assert.doesNotMatch(proxy.received(), /proxy-connection/i);
    const events = await lab.reports(3);
    assert.deepEqual(
      events.map((event) => event.kind === "http" && [event.verdict, event.host, event.port, event.path, event.rule]),
      [
        ["allowed", "deb.test", 80, "/debian/x", "deb.test"],
        ["allowed", "deb.test", 8000, "/", "deb.test"],
        ["allowed", "elsewhere.test", 80, "/", "elsewhere.test"],
      ],
    );
  });

  for (const [what, request, policy] of [
    ["a target that is not allowed", get("http://evil.test/", "evil.test"), {}],
    ["a port of it that is not allowed", get("http://deb.test:81/", "deb.test:81"), { allow: [PROXY, "deb.test:80"] }],
    [
      "another port of the proxy's that is not allowed",
      get(`http://${PROXY}:81/`, `${PROXY}:81`),
      { allow: [`${PROXY}:${PORT}`] },
    ],
    ["a target that is denied", get("http://deb.test/", "deb.test"), { deny: ["deb.test"] }],
    ["a target at a denied address", get("http://deb.test/", "deb.test"), { deny: ["203.0.113.9"] }],
    ["a name of an internal address", get("http://inner.test/", "inner.test"), {}],
    ["an internal address", get("http://10.0.0.9/", "10.0.0.9"), {}],
    ["a metadata service", get("http://169.254.169.254/latest", "169.254.169.254"), { allow: [PROXY, "0.0.0.0/0"] }],
    ["an address that is not listed", get("http://203.0.113.9/", "203.0.113.9"), {}],
    ["a Host that is another's", get("http://deb.test/", PROXY), {}],
    ["a target for TLS", get("https://deb.test/", "deb.test"), {}],
    ["a target of another kind", get("ftp://deb.test/", "deb.test"), {}],
    ["a proxy that is not allowed", get("http://deb.test/", "deb.test"), { allow: ["deb.test"] }],
  ] as const) {
    test(`do not leave for ${what}`, async () => {
      const lab = await start({ policy: policy as object });
      const before = proxy.received();
      const stream = await lab.open(PROXY, what === "a proxy that is not allowed" ? 8080 : PORT);
      assert.deepEqual(await statuses(stream, request), [403]);
      assert.equal(proxy.received(), before);
      assert.equal((await lab.reports(1))[0]!.verdict, "denied");
    });
  }

  test("do not leave without a list either, if the target is internal or denied", async () => {
    const lab = await start({ policy: { allow: null, deny: ["deb.test"] } });
    const before = proxy.received();
    for (const host of ["inner.test", "10.0.0.9", "127.0.0.1", "deb.test"])
      assert.deepEqual(await statuses(await lab.open(PROXY, PORT), get(`http://${host}/`, host)), [403]);
    assert.equal(proxy.received(), before);
    assert.match(await ask(lab, get("http://elsewhere.test/", "elsewhere.test")), /^HTTP\/1\.1 200 /);
  });

  test("are each checked by themselves on one connection", async () => {
    const lab = await start();
    const stream = await lab.open(PROXY, PORT);
    const status = async (url: string, host: string) => {
      stream.write(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      return (await readAnswer(stream)).slice(9, 12);
    };
    assert.equal(await status("http://deb.test/1", "deb.test"), "200");
    assert.equal(await status("/2", PROXY), "200");
    assert.equal(await status("http://elsewhere.test/3", "elsewhere.test"), "200");
    assert.equal(await status("http://evil.test/4", "evil.test"), "403");
    assert.ok(!proxy.received().includes("evil.test"));
    stream.destroy();
  });

  test("have to fit the rules of both", async () => {
    const lab = await start({
      policy: {
        rules: [
          { host: "deb.test", methods: ["GET", "POST"], paths: ["/ok"], maxRequestBytes: 100 },
          { host: PROXY, methods: ["GET", "POST"], paths: ["/ok", "/other"], maxRequestBytes: 10 },
        ],
      },
    });
    const send = async (method: string, url: string, host: string, body = "") =>
      statuses(
        await lab.open(PROXY, PORT),
        `${method} ${url} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${body ? `${body.length.toString(16)}\r\n${body}\r\n` : ""}0\r\n\r\n`,
      );
    assert.deepEqual(await send("GET", "http://deb.test/ok", "deb.test"), [200]);
    assert.deepEqual(await send("GET", "http://deb.test/other", "deb.test"), [403]);
    assert.deepEqual(await send("GET", "http://elsewhere.test/none", "elsewhere.test"), [403]);
    assert.deepEqual(await send("DELETE", "http://deb.test/ok", "deb.test"), [403]);
    assert.deepEqual(await send("POST", "http://deb.test/ok", "deb.test", "x".repeat(11)), [413]);
    assert.ok(!proxy.received().includes("xxxxxxxxxxx"));
  });

  test("carry no secret, and hooks see for whom they are and through whom", async () => {
    const seen: unknown[] = [];
    const lab = await start({
      secrets: [{ name: "KEY", value: VALUE, hosts: ["deb.test", PROXY], inBody: true }],
      hooks: {
        onRequest: (request, { host, port, via, scheme }) => {
          seen.push([scheme, host, port, via, request.path, request.headers.some(([name]) => /proxy-/i.test(name))]);
          return host === "elsewhere.test" ? { deny: "Not through a proxy." } : undefined;
        },
      },
    });
    const key = lab.placeholders.KEY;
    assert.match(
      await ask(
        lab,
        get(
          `http://deb.test/?key=${key}`,
          "deb.test",
          `Authorization: Bearer ${key}\r\nProxy-Authorization: Bearer ${key}\r\n`,
        ),
      ),
      /^HTTP\/1\.1 200 /,
    );
    assert.match(await ask(lab, get("http://elsewhere.test/", "elsewhere.test")), /^HTTP\/1\.1 403 /);
    assert.match(await ask(lab, get("/", PROXY)), /^HTTP\/1\.1 200 /);
    assert.ok(!proxy.received().includes(VALUE));
    assert.deepEqual(seen, [
      ["http", "deb.test", 80, `${PROXY}:${PORT}`, `/?key=${key}`, false],
      ["http", "elsewhere.test", 80, `${PROXY}:${PORT}`, "/", false],
      ["http", PROXY, PORT, null, "/", false],
    ]);
  });

  for (const [what, change] of Object.entries({
    "the target is denied": { deny: ["deb.test"] },
    "its address is denied": { deny: ["203.0.113.9"] },
    "the proxy is denied": { deny: [PROXY] },
  })) {
    test(`end when ${what}`, async () => {
      const lab = await start();
      const stream = await lab.open(PROXY, PORT);
      stream.write("POST http://deb.test/ HTTP/1.1\r\nHost: deb.test\r\nContent-Length: 10\r\n\r\nfirst");
      while (!proxy.received().endsWith("first")) await turn();
      lab.update(change);
      stream.write("later");
      await readAll(stream);
      assert.ok(!proxy.received().includes("later"));
    });
  }

  test("within TLS are not for others", async () => {
    await using secure = await httpUpstream((_request, response) => void response.end("ok"), {
      tls: await certificates.contextFor("secure.test"),
      alpn: ["http/1.1"],
    });
    const lab = await start({ hosts: { "secure.test": secure.port }, policy: { allow: ["secure.test", "deb.test"] } });
    for (const url of ["http://deb.test/", "https://deb.test/"])
      assert.deepEqual(await statuses(await lab.openTls("secure.test", 443), get(url, "deb.test")), [403]);
    assert.equal(secure.received(), "");
  });
});

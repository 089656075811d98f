/** Hostile traffic of classes 1, 2, 3 and 9: requests that name different hosts in different places. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Certificates, Lab, readAll } from "../../testing/lab.ts";
import { readAnswer, statuses } from "../../testing/raw-http.ts";
import { bodyOf, httpUpstream, type Recorder } from "../../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";

describe("fronting", () => {
  let dir: string;
  let api: Recorder;
  let plain: Recorder;
  let old: Recorder;
  let lab: Lab;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    const others = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const untrusted = await Certificates.make(others);
    await rm(others, { recursive: true });
    const listener = async (
      request: import("node:http").IncomingMessage,
      response: import("node:http").ServerResponse,
    ) => {
      const body = await bodyOf(request);
      response.end(`${request.method} ${request.url} ${request.headers.host} ${body}`);
    };
    api = await httpUpstream(listener, { tls: await certificates.contextFor("api.test") });
    plain = await httpUpstream(listener);
    old = await httpUpstream(listener, { tls: await untrusted.contextFor("bad.test") });
    lab = await Lab.start(certificates, {
      hosts: { "api.test": api.port, "plain.test": plain.port, "bad.test": old.port },
      policy: { allow: ["api.test", "plain.test", "bad.test", "192.0.2.1"] },
      secrets: [{ name: "KEY", value: VALUE, hosts: ["api.test", "plain.test", "bad.test"] }],
    });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    for (const one of [api, plain, old]) await one[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const nothingNew = async (work: () => Promise<void>, verdict = "denied") => {
    const before = api.received().length + plain.received().length + old.received().length;
    const count = (await lab.reports(0)).length;
    await work();
    assert.equal(
      api.received().length + plain.received().length + old.received().length,
      before,
      "bytes reached an upstream",
    );
    assert.equal((await lab.reports(count + 1)).at(-1)!.verdict, verdict);
  };

  for (const [what, request, status] of [
    ["a Host that differs from the SNI", "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", 403],
    ["a Host with another port", "GET / HTTP/1.1\r\nHost: api.test:8443\r\n\r\n", 403],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: api.test\r\nHost: evil.test\r\n\r\n", 400],
    ["two Hosts that are the same", "GET / HTTP/1.1\r\nHost: api.test\r\nHost: api.test\r\n\r\n", 400],
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["an absolute target of another host", "GET https://evil.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n", 403],
    ["an absolute target and the Host of another", "GET https://api.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n", 403],
    ["an absolute target with plain HTTP within TLS", "GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n", 403],
    ["an absolute target with a user", "GET https://api.test@evil.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n", 400],
    ["a Host with a user", "GET / HTTP/1.1\r\nHost: api.test@evil.test\r\n\r\n", 400],
    ["a suffix of the host", "GET / HTTP/1.1\r\nHost: notapi.test\r\n\r\n", 403],
    ["two dots at the end of the Host", "GET / HTTP/1.1\r\nHost: api.test..\r\n\r\n", 400],
    ["an address as Host", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 403],
    ["a decimal address as Host", "GET / HTTP/1.1\r\nHost: 2130706433\r\n\r\n", 400],
    ["a target that begins with two hosts", "GET //evil.test/ HTTP/1.0\r\nHost: evil.test\r\n\r\n", 403],
    ["CONNECT within TLS", "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n", 501],
  ] as const) {
    test(`is refused: ${what}`, () =>
      nothingNew(async () => assert.deepEqual(await statuses(await lab.openTls("api.test", 443), request), [status])));
  }

  test("is refused: another Host on a connection that was kept alive", async () => {
    const tls = await lab.openTls("api.test", 443);
    tls.write("GET /one HTTP/1.1\r\nHost: api.test\r\n\r\n");
    assert.match(await readAnswer(tls), /^HTTP\/1\.1 200 /);
    await nothingNew(async () =>
      assert.deepEqual(await statuses(tls, "GET /two HTTP/1.1\r\nHost: plain.test\r\n\r\n"), [403]),
    );
  });

  test("the same host in another spelling passes, and is sent in its one form", async () => {
    const tls = await lab.openTls("api.test", 443, { servername: "API.Test" });
    tls.write("GET / HTTP/1.1\r\nHost: API.test.:443\r\n\r\n");
    assert.match(await readAnswer(tls), /GET \/ api\.test /);
  });

  test("is refused: an SNI that differs from the name that was asked for", () =>
    nothingNew(async () =>
      assert.deepEqual(
        await statuses(
          await lab.openTls("api.test", 443, { servername: "plain.test" }),
          "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n",
        ),
        [403],
      ),
    ));

  test("an attacker's address with an allowed SNI leads to the name's own address", async () => {
    const reported = (await lab.reports(0)).length;
    const tls = await lab.openTls("203.0.113.66", 443, { servername: "api.test" });
    tls.write(`GET / HTTP/1.1\r\nHost: api.test\r\nAuthorization: ${lab.placeholders.KEY}\r\n\r\n`);
    assert.match(await readAnswer(tls), /GET \/ api\.test /);
    assert.ok(api.received().includes(VALUE));
    const event = (await lab.reports(reported + 1)).at(-1)!;
    assert.ok(event.kind === "http");
    assert.deepEqual([event.host, event.address], ["api.test", "127.0.0.1"]);
  });

  test("an attacker's address with an allowed Host leads to the name's own address", async () => {
    const stream = await lab.open("203.0.113.66", 80);
    stream.write("GET / HTTP/1.1\r\nHost: plain.test\r\n\r\n");
    assert.match(await readAnswer(stream), /GET \/ plain\.test /);
    await nothingNew(async () =>
      assert.deepEqual(await statuses(stream, "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"), [403]),
    );
  });

  test("is refused: an address without a name, or with one that is not allowed", async () => {
    await nothingNew(async () =>
      assert.deepEqual(
        await statuses(await lab.openTls("203.0.113.66", 443), "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"),
        [403],
      ),
    );
    await nothingNew(async () =>
      assert.deepEqual(
        await statuses(
          await lab.openTls("203.0.113.66", 443, { servername: "evil.test" }),
          "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        ),
        [403],
      ),
    );
    await nothingNew(async () =>
      assert.deepEqual(
        await statuses(await lab.open("203.0.113.66", 80), "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n"),
        [403],
      ),
    );
    await nothingNew(async () =>
      assert.deepEqual(await statuses(await lab.open("203.0.113.66", 80), "GET / HTTP/1.0\r\n\r\n"), [403]),
    );
  });

  test("no secret crosses plain HTTP", async () => {
    const stream = await lab.open("plain.test", 80);
    stream.write(
      `GET /?k=${lab.placeholders.KEY} HTTP/1.1\r\nHost: plain.test\r\nAuthorization: ${lab.placeholders.KEY}\r\n\r\n`,
    );
    assert.match(await readAnswer(stream), /^HTTP\/1\.1 200 /);
    assert.ok(!plain.received().includes(VALUE));
    const event = (await lab.reports(1)).at(-1)!;
    assert.ok(event.kind === "http");
    assert.deepEqual([event.secrets, event.placeholders], [[], ["KEY"]]);
  });

  test("no secret without an SNI", async () => {
    const before = api.received().length;
    const tls = await lab.openTls("api.test", 443, { servername: "" });
    tls.write(`GET / HTTP/1.1\r\nHost: api.test\r\nAuthorization: ${lab.placeholders.KEY}\r\n\r\n`);
    assert.match(await readAnswer(tls), /^HTTP\/1\.1 200 /);
    assert.ok(!api.received().slice(before).includes(VALUE));
  });

  test("nothing goes to an upstream whose certificate is not trusted", () =>
    nothingNew(
      async () =>
        assert.deepEqual(
          await statuses(
            await lab.openTls("bad.test", 443),
            `GET / HTTP/1.1\r\nHost: bad.test\r\nAuthorization: ${lab.placeholders.KEY}\r\n\r\n`,
          ),
          [502],
        ),
      "failed",
    ));

  test("a request that begins as something else is cut off before it is one", async () => {
    const stream = await lab.open("plain.test", 80);
    stream.write("fOO");
    await new Promise(setImmediate);
    stream.write(" / HTTP/1.1\r\nHost: evil.test\r\n\r\n");
    await readAll(stream);
    assert.ok(!plain.received().includes("evil"));
  });
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { defineHooks } from "../hooks.ts";
import { Certificates, Lab, readAll } from "./testing/lab.ts";
import { dechunk, readAnswer, statuses } from "./testing/raw-http.ts";
import { bodyOf, httpUpstream, type Recorder, upstream } from "./testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";

describe("rules, hooks, CONNECT and other ways", () => {
  let dir: string;
  let certificates: Certificates;
  let api: Recorder;
  let plain: Recorder;
  let raw: Recorder;
  const labs: Lab[] = [];
  let hosts: Record<string, number>;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    const listener = async (
      request: import("node:http").IncomingMessage,
      response: import("node:http").ServerResponse,
    ) => {
      const body = await bodyOf(request);
      response.end(
        `${request.method} ${request.url} ${request.headers.authorization} ${request.headers["x-hook"]} ${body.length < 100 ? body : body.length}`,
      );
    };
    api = await httpUpstream(listener, { tls: await certificates.contextFor("api.test") });
    plain = await httpUpstream(listener);
    raw = await upstream((socket) => socket.pipe(socket));
    hosts = { "api.test": api.port, "plain.test": plain.port, "raw.test": raw.port };
  });

  after(async () => {
    for (const one of [...labs, api, plain, raw]) await one[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const start = async (options: Partial<Parameters<typeof Lab.start>[1]> = {}) => {
    const lab = await Lab.start(certificates, { hosts, ...options });
    labs.push(lab);
    return lab;
  };
  const last = async (lab: Lab, count = 1) => {
    const event = (await lab.reports(count)).at(-1)!;
    assert.ok(event.kind === "http");
    return event;
  };

  test("rules hold for methods, paths, bodies and rates", async () => {
    const lab = await start({
      policy: {
        rules: [
          { host: "plain.test", methods: ["GET"], paths: ["/v1/*"], requestsPerMinute: 2 },
          { host: "plain.test", methods: ["POST"], maxRequestBytes: 10 },
        ],
      },
    });
    const send = async (request: string) => statuses(await lab.open("plain.test", 80), request);
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n`;
    assert.deepEqual(await send(get("/v2/a")), [403]);
    assert.deepEqual(await send(get("/v1/a")), [200]);
    assert.deepEqual(await send(get("/v1/../v2/a")), [403]);
    assert.deepEqual(await send("POST / HTTP/1.1\r\nHost: plain.test\r\nContent-Length: 11\r\n\r\n"), [413]);
    const before = plain.received().length;
    assert.deepEqual(
      await send(
        `POST / HTTP/1.1\r\nHost: plain.test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n`,
      ),
      [413],
    );
    assert.ok(!plain.received().slice(before).includes("abcdefabcdef"));
    assert.deepEqual(await send(get("/v1/b")), [200]);
    assert.match(
      await (async () => {
        const stream = await lab.open("plain.test", 80);
        stream.write(get("/v1/c"));
        return readAll(stream);
      })(),
      /^HTTP\/1\.1 429 [^]*retry-after: 60/i,
    );
    // What cannot be seen as requests does not get past them.
    const bytes = await lab.open("plain.test", 80);
    bytes.write("\0raw");
    assert.equal(await readAll(bytes), "");
    assert.equal((await lab.reports(8)).at(-1)!.verdict, "denied");
  });

  test("hooks see requests before secrets are put in, and change, refuse or answer them", async () => {
    const seen: string[] = [];
    const lab = await start({
      secrets: [{ name: "KEY", value: VALUE, hosts: ["api.test"] }],
      hooks: defineHooks({
        async onRequest(request, { host }) {
          seen.push(JSON.stringify(request.headers) + host);
          if (request.path === "/deny") return { deny: "Not today." };
          if (request.path === "/answer") return { answer: { status: 201, headers: [["x-own", "1"]], body: "mine" } };
          if (request.path === "/throw") throw new Error("oops");
          if (request.path === "/body") {
            const text = await new Response(request.body).text();
            return { ...request, path: "/changed", body: new Response(text.toUpperCase()).body };
          }
          return { ...request, headers: [...request.headers, ["x-hook", "yes"]] };
        },
        onResponse: (response) => {
          seen.push(JSON.stringify(response.headers));
          return { ...response, headers: [...response.headers, ["x-after", "1"]] };
        },
      }),
    });
    const send = async (line: string, body = "") => {
      const tls = await lab.openTls("api.test", 443);
      tls.write(
        `${line} HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\nAuthorization: ${lab.placeholders.KEY}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      return dechunk(await readAll(tls));
    };
    const text = await send("GET /plain");
    assert.match(text, /^HTTP\/1\.1 200 [^]*x-after: 1[^]*GET \/plain REDACTED[^ ]+ yes/);
    assert.match(await send("POST /body", "shout"), /POST \/changed [^]*SHOUT/);
    assert.match(await send("GET /deny"), /^HTTP\/1\.1 403 [^]*Not today\./);
    assert.match(await send("GET /answer"), /^HTTP\/1\.1 201 [^]*x-own: 1[^]*mine$/);
    assert.match(await send("GET /throw"), /^HTTP\/1\.1 502 /);
    assert.ok(api.received().includes(VALUE));
    assert.ok(!seen.join().includes(VALUE));
    assert.equal((await last(lab, 5)).verdict, "failed");
  });

  test("CONNECT is a connection of its own, to its own target", async () => {
    const lab = await start({ secrets: [{ name: "KEY", value: VALUE, hosts: ["api.test"] }] });
    const before = plain.received().length;
    const stream = await lab.open("plain.test", 8080);
    stream.write("CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n");
    assert.match(String((await once(stream, "data"))[0]), /^HTTP\/1\.1 200 /);
    const tls = connectTls({ socket: stream as never, servername: "api.test", ca: lab.ca });
    await once(tls, "secureConnect");
    tls.write(
      `GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\nAuthorization: ${lab.placeholders.KEY}\r\n\r\n`,
    );
    assert.match(await readAll(tls), /^HTTP\/1\.1 200 /);
    assert.ok(api.received().includes(VALUE));
    assert.equal(plain.received().length, before);
    assert.deepEqual(
      (await lab.reports(1)).map((event) => event.host),
      ["api.test"],
    );
    for (const [request, status] of [
      ["CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n", 403],
      ["CONNECT api.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n", 403],
      ["CONNECT api.test HTTP/1.1\r\nHost: api.test\r\n\r\n", 400],
    ] as const) {
      assert.deepEqual(await statuses(await lab.open("plain.test", 8080), request), [status]);
    }
    assert.equal((await lab.reports(4)).length, 4);
  });

  test("hosts that pass through keep their own certificate and get no secrets", async () => {
    const lab = await start({
      passThrough: ["api.test"],
      secrets: [{ name: "KEY", value: VALUE, hosts: ["api.test"] }],
    });
    await assert.rejects(lab.openTls("api.test", 443));
    const before = api.received().length;
    const stream = await lab.open("api.test", 443);
    const tls = connectTls({ socket: stream as never, servername: "api.test", rejectUnauthorized: false });
    await once(tls, "secureConnect");
    tls.write(
      `GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\nAuthorization: ${lab.placeholders.KEY}\r\n\r\n`,
    );
    await readAll(tls);
    tls.end();
    assert.ok(!api.received().slice(before).includes(VALUE));
    const event = (await lab.reports(2)).at(-1)!;
    assert.deepEqual(
      [event.kind, event.kind === "connection" && event.protocol, event.host],
      ["connection", "tls", "api.test"],
    );
    assert.deepEqual(
      await statuses(
        await lab.openTls("api.test", 443, { servername: "raw.test" }),
        "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n",
      ),
      [403],
    );
  });

  test("without an allow list, only TLS to hosts with secrets is intercepted", async () => {
    const lab = await start({ policy: { allow: null }, secrets: [{ name: "KEY", value: VALUE, hosts: ["api.test"] }] });
    const tls = await lab.openTls("api.test", 443);
    tls.write(
      `GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\nAuthorization: ${lab.placeholders.KEY}\r\n\r\n`,
    );
    assert.match(await readAll(tls), /^HTTP\/1\.1 200 /);
    lab.update({}, []);
    await assert.rejects(lab.openTls("api.test", 443));
    const [first, second] = await lab.reports(2);
    assert.deepEqual([first!.kind, second!.kind, second!.host], ["http", "connection", "api.test"]);
  });

  test("TLS that carries no requests is spliced", async () => {
    const tlsRaw = await upstream((socket) => socket.pipe(socket), { tls: await certificates.contextFor("tls.test") });
    const lab = await start({ hosts: { "tls.test": tlsRaw.port } });
    const tls = await lab.openTls("tls.test", 5671);
    tls.write("\0\0\0hello");
    assert.equal(String((await once(tls, "data"))[0]), "\0\0\0hello");
    tls.end();
    await once(tls, "close");
    const [event] = await lab.reports(1);
    assert.ok(event?.kind === "connection");
    assert.deepEqual([event.protocol, event.bytesUp, event.bytesDown, event.verdict], ["tls", 8, 8, "allowed"]);
    await tlsRaw[Symbol.asyncDispose]();
  });

  test("a refusal has its reason in the status line, of CONNECT too: one line of ASCII, and not endless", async () => {
    const lab = await start({
      hooks: defineHooks({
        onRequest: ({ path }) =>
          path === "/ok" ? undefined : { deny: path === "/long" ? "x".repeat(5_000) : "Nein,\r\nX-Injected: schön\0" },
      }),
    });
    const first = async (request: string) => {
      const stream = await lab.open("plain.test", 80);
      stream.write(request);
      const answer = await readAll(stream);
      return [answer.split("\r\n", 1)[0]!, answer.slice(0, answer.indexOf("\r\n\r\n"))] as const;
    };
    const get = (path: string, host = "plain.test") =>
      first(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.equal(
      (await get("/", "evil.test"))[0],
      "HTTP/1.1 403 The request is for evil.test, but its connection is to plain.test.",
    );
    assert.equal(
      (await first("CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\nConnection: close\r\n\r\n"))[0],
      "HTTP/1.1 403 evil.test:443 is not in this sandbox's allowNet.",
    );
    const [line, head] = await get("/odd");
    assert.equal(line, "HTTP/1.1 403 Nein,?X-Injected: sch?n?");
    assert.doesNotMatch(head, /^x-injected/im);
    const [long] = await get("/long");
    assert.ok(long.length < 250 && long.endsWith("x..."), long);
    assert.match((await get("/ok"))[0], /^HTTP\/1\.1 200 OK$/);
  });

  test("keep-alive: an answer read in pieces and a second request", async () => {
    const lab = await start();
    const stream = await lab.open("plain.test", 80);
    for (const path of ["/1", "/2", "/3"]) {
      stream.write(`GET ${path} HTTP/1.1\r\nHost: plain.test\r\n\r\n`);
      assert.match(dechunk(await readAnswer(stream)), new RegExp(`GET ${path} `));
    }
    stream.destroy();
  });
});

/** Hostile traffic of classes 7, 8 and 13: placeholders where they must not be replaced, values that come back, secrets that change. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Certificates, Lab, type LabSecret, readAll } from "../../testing/lab.ts";
import { dechunk, readAnswer } from "../../testing/raw-http.ts";
import { bodyOf, httpUpstream, type Recorder } from "../../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";
const FORM = "p&ss w/ord=1";
const SECRETS: LabSecret[] = [
  { name: "KEY", value: VALUE, hosts: ["api.test"] },
  { name: "FORM", value: FORM, hosts: ["api.test"], inBody: true },
];

const CODINGS: Record<string, (bytes: Buffer) => Buffer> = {
  identity: (bytes) => bytes,
  gzip: gzipSync,
  deflate: deflateSync,
  DEFLATE: deflateRawSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};

describe("secrets", () => {
  let dir: string;
  let api: Recorder;
  let other: Recorder;
  let lab: Lab;

  /** An upstream that repeats what it got, in every place there is. */
  const reflect = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request);
    const got = request.headers.authorization ?? "";
    const url = new URL(request.url!, "http://x");
    const coding = url.searchParams.get("coding");
    if (url.pathname === "/unknown") return response.writeHead(200, { "content-encoding": "mystery" }).end(got);
    if (url.pathname === "/status") return response.writeHead(200, got.replace("Bearer ", "")).end();
    if (url.pathname === "/trailers") {
      response.writeHead(200, { trailer: "x-got", "transfer-encoding": "chunked" });
      response.addTrailers({ "x-got": got });
      return response.end("body");
    }
    if (url.pathname === "/head")
      return response
        .writeHead(302, { location: `https://x/?${got}`, "set-cookie": [`a=${got}`, "b=1"], "x-url": request.url! })
        .end();
    if (url.pathname === "/events") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: one\n\n");
      return void setTimeout(() => response.end(`data: ${got}\n\n`), 200);
    }
    const text = Buffer.from(`[${got}|${body}|${JSON.stringify(request.headers)}|${request.url}]`);
    if (!coding) return response.end(text);
    response.writeHead(200, { "content-encoding": coding });
    const bytes = CODINGS[coding]!(text);
    for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
    response.end();
  };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    api = await httpUpstream(reflect, { tls: await certificates.contextFor("api.test") });
    other = await httpUpstream(reflect, { tls: await certificates.contextFor("other.test") });
    lab = await Lab.start(certificates, {
      hosts: { "api.test": api.port, "other.test": other.port },
      secrets: SECRETS,
    });
  });

  after(async () => {
    assert.ok(!JSON.stringify(lab.events).includes(VALUE), "a value in an event");
    await lab[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const ask = async (host: string, line: string, headers: string[], body = ""): Promise<string> => {
    const tls = await lab.openTls(host, 443);
    tls.write(
      [
        `${line} HTTP/1.1`,
        `Host: ${host}`,
        "Connection: close",
        ...headers,
        ...(body ? [`Content-Length: ${body.length}`] : []),
        "",
        body,
      ].join("\r\n"),
    );
    return dechunk(await readAll(tls));
  };
  const bearer = () => `Authorization: Bearer ${lab.placeholders.KEY}`;

  for (const coding of Object.keys(CODINGS)) {
    test(`that are reflected in a body of ${coding}, in pieces, turn back`, async () => {
      const text = await ask("api.test", `GET /?coding=${coding}`, [
        bearer(),
        "Accept-Encoding: gzip, br, zstd, deflate",
      ]);
      assert.ok(text.includes(`[Bearer ${lab.placeholders.KEY}|`), text);
      assert.ok(!text.includes(VALUE));
      assert.ok(coding === "identity" || !/content-encoding/i.test(text.split("\r\n\r\n", 1)[0]!));
    });
  }

  for (const path of ["/head", "/status", "/trailers"]) {
    test(`that are reflected in the head or trailers turn back: ${path}`, async () => {
      const before = api.received().length;
      const text = await ask("api.test", `GET ${path}?k=${lab.placeholders.KEY}`, [bearer(), "TE: trailers"]);
      assert.ok(text.includes(lab.placeholders.KEY!), text);
      assert.ok(!text.includes(VALUE));
      assert.ok(api.received().slice(before).includes(VALUE));
    });
  }

  test("cannot be read from an answer whose coding is unknown", async () => {
    const text = await ask("api.test", "GET /unknown", [bearer()]);
    assert.match(text, /^HTTP\/1\.1 502 /);
    assert.match(await ask("other.test", "GET /unknown", [bearer()]), /^HTTP\/1\.1 200 /);
  });

  test("are found in parts too, and no coding is asked for that cannot be opened", async () => {
    const text = await ask("api.test", "GET /", [
      "Range: bytes=0-3",
      "If-Range: x",
      "Accept-Encoding: gzip, mystery, *",
    ]);
    assert.match(text, /"range":"bytes=0-[0-9]{4,}"/);
    assert.ok(text.includes('"if-range":"x"') && text.includes('"accept-encoding":"identity"'), text);
    assert.ok(
      (await ask("api.test", "GET /", ["Accept-Encoding: gzip, mystery, *"])).includes('"accept-encoding":"gzip"'),
    );
    // Of several parts none is asked for.
    for (const range of ["bytes=0-3, 5-9", "bytes=9-3", "lines=1-2"]) {
      assert.ok(
        !/"(x-ms-|request-)?(range|if-range)"/.test(await ask("api.test", "GET /", [`Range: ${range}`, "If-Range: x"])),
        range,
      );
    }
    assert.ok(!/range"/.test(await ask("api.test", "GET /", ["Range: bytes=0-3", "Request-Range: bytes=0-3"])));
    assert.ok(!/range"/.test(await ask("api.test", "POST /", ["X-Ms-Range: bytes=0-3"], "body")));
    assert.ok((await ask("api.test", "PUT /", ["X-Ms-Range: bytes=0-3"], "body")).includes('"x-ms-range":"bytes=0-3"'));
  });

  test("change nothing about requests to other hosts and their answers, but where a coding could not be opened", async () => {
    const headers = ["Range: bytes=0-3", "If-Range: x", "Accept-Encoding: br;q=1,gzip ,  identity", "TE: trailers"];
    const text = await ask("other.test", "GET /", headers);
    assert.ok(
      text.includes('"range":"bytes=0-3"') &&
        text.includes('"if-range":"x"') &&
        text.includes('"accept-encoding":"br;q=1,gzip ,  identity"'),
      text,
    );
    assert.match(text, /\r\ncontent-length: [0-9]+\r\n/i);
  });

  test("are not sent with TRACE", async () => {
    const before = api.received().length;
    assert.match(await ask("api.test", "TRACE /", [bearer()]), /^HTTP\/1\.1 405 /);
    assert.equal(api.received().length, before);
  });

  test("go into Basic credentials and queries, and into bodies where they are for bodies", async () => {
    const before = api.received().length;
    const { KEY, FORM: form } = lab.placeholders;
    const body = `user=a&key=${KEY}&password=${form}`;
    const text = await ask(
      "api.test",
      `POST /?key=${KEY}`,
      [
        `Authorization: Basic ${Buffer.from(`user:${KEY}`).toString("base64")}`,
        "Content-Type: application/x-www-form-urlencoded",
      ],
      body,
    );
    const sent = api.received().slice(before);
    assert.ok(sent.includes(Buffer.from(`user:${VALUE}`).toString("base64")));
    assert.ok(sent.includes(`/?key=${VALUE} `));
    assert.ok(sent.includes(`key=${KEY}&password=`) && sent.includes("p%26ss%20w%2Ford%3D1"), sent);
    assert.ok(!/content-length/i.test(sent));
    assert.ok(!text.includes(VALUE) && !text.includes("p%26ss") && !text.includes(FORM));
    const event = (await lab.reports(1)).at(-1)!;
    assert.ok(event.kind === "http");
    assert.deepEqual([event.secrets.toSorted(), event.placeholders], [["FORM", "KEY"], ["KEY"]]);
  });

  for (const [what, line, headers, body] of [
    ["a header", "GET /", (key: string) => [`X-Key: ${key}`], () => ""],
    ["a cookie", "GET /", (key: string) => [`Cookie: a=${key}`], () => ""],
    ["a body", "POST /", () => [], (key: string) => `{"key":"${key}"}`],
  ] as const) {
    test(`are no more than placeholders to another host, and that is noted: ${what}`, async () => {
      const key = lab.placeholders.KEY!;
      const text = await ask("other.test", line, headers(key), body(key));
      assert.ok(text.includes(key));
      assert.ok(!other.received().includes(VALUE));
      const event = (await lab.reports(1)).at(-1)!;
      assert.ok(event.kind === "http");
      assert.deepEqual([event.secrets, event.placeholders], [[], ["KEY"]]);
    });
  }

  test("that another host knows are redacted too", async () => {
    const text = await ask("other.test", "POST /", ["X-A: b"], `value=${VALUE}`);
    assert.ok(!text.includes(VALUE) && text.includes("value=REDACTEDREDACTEDREDACTED"), text);
  });

  test("whose placeholders a body hardly differs from are not looked for without end: it is sent as it is", async () => {
    const many = Array.from(
      { length: 8 },
      (_, at): LabSecret => ({ name: `S${at}`, value: `value-of-secret-${at}`, hosts: ["api.test"] }),
    );
    for (const [at, { name }] of many.entries()) lab.placeholders[name] = "a".repeat(60) + String(at).padStart(40, "0");
    lab.update({}, [...SECRETS, ...many]);
    const body = "%61".repeat(20_000);
    assert.ok((await ask("other.test", "POST /", [], body)).includes(body));
    lab.update({}, SECRETS);
  });

  test("chunks of an answer are passed on as they come", async () => {
    const tls = await lab.openTls("api.test", 443);
    tls.write(`GET /events HTTP/1.1\r\nHost: api.test\r\n${bearer()}\r\n\r\n`);
    let text = "";
    const at: Record<string, number> = {};
    await new Promise<void>((resolve) => {
      tls.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (dechunk(text).includes("data: one\n\n")) at.one ??= performance.now();
        if (dechunk(text).includes(`data: Bearer ${lab.placeholders.KEY}\n\n`)) {
          at.two ??= performance.now();
          resolve();
        }
      });
    });
    assert.ok(at.two! - at.one! > 100);
    tls.destroy();
  });

  test("that are changed, revoked or added hold for the next request of an open connection", async () => {
    const tls = await lab.openTls("api.test", 443);
    const get = async (stream: Duplex) => {
      const before = api.received().length;
      stream.write(`GET / HTTP/1.1\r\nHost: api.test\r\n${bearer()}\r\n\r\n`);
      const text = await readAnswer(stream);
      assert.ok(!text.includes(VALUE) && !text.includes("rotated-value"), text);
      return /uthorization: Bearer ([^\r]*)/.exec(api.received().slice(before))![1];
    };
    assert.equal(await get(tls), VALUE);
    lab.update({}, [{ ...SECRETS[0]!, value: "rotated-value" }, SECRETS[1]!]);
    assert.equal(await get(tls), "rotated-value");
    lab.update({}, []);
    assert.equal(await get(tls), lab.placeholders.KEY);
    lab.update({}, SECRETS);
    assert.equal(await get(tls), VALUE);
    const ended = once(tls.resume(), "end");
    lab.update({ deny: ["api.test"] });
    await ended;
    tls.destroy();
    lab.update({ deny: [] });
  });
});

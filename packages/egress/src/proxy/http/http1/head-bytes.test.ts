/** What leaves is exactly what was checked, byte for byte: heads and trailers of every kind, in both directions. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { fc, property } from "../../../testing/property.ts";
import { Certificates, Lab } from "../../testing/lab.ts";
import { readAnswer } from "../../testing/raw-http.ts";
import { http2Upstream, type Recorder, upstream } from "../../testing/upstreams.ts";
import { headText } from "./head-text.ts";

const SECRET = "pä_ss wörd €";
const KEY = "AAAAAAAAAAAAAAAAAAAAAA==";
const ACCEPT = "ICX+Yqv66kxgM0FcWaLWlFLwTAI=";
/** Every byte that may stand in a value and is not ASCII. */
const HIGH = Array.from({ length: 128 }, (_, at) => String.fromCharCode(128 + at)).join("");

/** Values of headers as Latin-1: each character one byte, blanks only inside. */
const value = fc.string({
  unit: fc.oneof(
    { weight: 3, arbitrary: fc.nat(127).map((at) => String.fromCharCode(128 + at)) },
    fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  ),
  minLength: 1,
  maxLength: 40,
});
/** A path beyond ASCII, without what some take for blanks. (Over HTTP/1 all of it is refused.) */
const path = fc
  .string({ unit: fc.nat(62).map((at) => String.fromCharCode(193 + at)), maxLength: 20 })
  .map((text) => `/${text}`);

describe("bytes of heads", { timeout: 120_000 }, () => {
  let dir: string;
  let lab: Lab;
  let web: Recorder;
  let api: Recorder;
  let h2: Recorder;
  let answer = "";
  /** What the upstream got of the last request. */
  let got = "";
  let seen: (string | undefined)[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    const serve = (socket: Duplex) => {
      let text = "";
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1");
        const whole = /^transfer-encoding/im.test(text)
          ? text.endsWith("\r\n\r\n") && text.includes("\r\n0\r\n")
          : text.endsWith("\r\n\r\n");
        if (!whole) return;
        got = text;
        text = "";
        socket.write(Buffer.from(answer, "latin1"));
      });
    };
    web = await upstream(serve);
    api = await upstream(serve, { tls: await certificates.contextFor("api.test"), alpn: ["http/1.1"] });
    h2 = await http2Upstream((stream, headers) => {
      seen = [headers["x-value"] as string, headers[":path"]];
      stream.respond({ ":status": 200, "x-value": String(headers["x-value"]) }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-trailer": String(headers["x-value"]) }));
      stream.resume().on("trailers", (trailers) => {
        seen.push(trailers["x-trailer"] as string);
        stream.end("body");
      });
    });
    lab = await Lab.start(certificates, {
      hosts: { "web.test": web.port, "api.test": api.port, "h2.test": h2.port },
      secrets: [{ name: "KEY", value: SECRET, hosts: ["api.test"] }],
    });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    for (const server of [web, api, h2]) await server[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const field = (text: string, name: string) => new RegExp(`^${name}: ([^\\r]*)\\r$`, "im").exec(text)?.[1];
  const ask = async (stream: Duplex, request: string, reply: string) => {
    answer = reply;
    const answered = readAnswer(stream);
    stream.write(Buffer.from(request, "latin1"));
    return answered;
  };

  for (const [what, more, body] of [
    ["without a body", "", ""],
    ["with a length", "Content-Length: 2\r\n", "\r\n"],
    ["with chunks", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"],
  ] as const) {
    test(`of requests ${what} and their answers over HTTP/1.1 are unchanged`, () => {
      const stream = lab.open("web.test", 80);
      return property(
        [value, value],
        async (sent, returned) => {
          const text = await ask(
            await stream,
            `POST / HTTP/1.1\r\nHost: web.test\r\nX-Value: ${sent}\r\n${more}\r\n${body}`,
            `HTTP/1.1 200 ${returned}\r\nX-Value: ${returned}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
          );
          assert.equal(field(got, "x-value"), sent);
          assert.ok(text.startsWith(`HTTP/1.1 200 ${returned}\r\n`), text);
          assert.equal(field(text, "x-value"), returned);
        },
        { runs: 60 },
      );
    });
  }

  test("of trailers are unchanged", async () => {
    const stream = await lab.open("web.test", 80);
    const trailers = `X-Trailer: ${HIGH}\r\n`;
    const text = await ask(
      stream,
      `POST / HTTP/1.1\r\nHost: web.test\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${trailers}\r\n`,
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    );
    assert.match(text, / 200 /);
    assert.equal(field(got, "x-trailer"), HIGH);
    answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${trailers}\r\n`;
    let back = "";
    stream.on("data", (chunk: Buffer) => (back += chunk.toString("latin1")));
    stream.write("GET / HTTP/1.1\r\nHost: web.test\r\nTE: trailers\r\n\r\n");
    while (!back.includes("\r\n0\r\n") || !back.endsWith("\r\n\r\n")) await once(stream, "data");
    assert.equal(field(back, "x-trailer"), HIGH);
    stream.destroy();
  });

  test("of the request for a WebSocket and of its 101 are unchanged", async () => {
    const stream = await lab.open("web.test", 80);
    answer = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\nX-Value: ${HIGH}\r\n\r\n`;
    let text = "";
    stream.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    stream.write(
      Buffer.from(
        `GET / HTTP/1.1\r\nHost: web.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\nX-Value: ${HIGH}\r\n\r\n`,
        "latin1",
      ),
    );
    while (!text.endsWith("\r\n\r\n")) await once(stream, "data");
    assert.match(text, /^HTTP\/1\.1 101 /);
    assert.equal(field(got, "x-value"), HIGH);
    assert.equal(field(text, "x-value"), HIGH);
    stream.destroy();
  });

  for (const body of ["", "with a body"]) {
    test(`of a secret beyond ASCII arrive as they are, ${body || "without a body"}, and come back as its placeholder`, async () => {
      const stream = await lab.openTls("api.test", 443);
      const bytes = Buffer.from(SECRET).toString("latin1");
      const framing = body && "Transfer-Encoding: chunked\r\n";
      const text = await ask(
        stream,
        `GET / HTTP/1.1\r\nHost: api.test\r\nX-Key: ${lab.placeholders.KEY}\r\n${framing}\r\n${body && "1\r\na\r\n0\r\n\r\n"}`,
        `HTTP/1.1 200 OK\r\nX-Echo: <${bytes}>\r\nContent-Length: 0\r\n\r\n`,
      );
      assert.equal(field(got, "x-key"), bytes);
      assert.equal(field(text, "x-echo"), `<${lab.placeholders.KEY}>`);
      stream.destroy();
    });
  }

  test("of heads and trailers over HTTP/2 are unchanged", async () => {
    const carrier = await lab.open("h2.test", 80);
    const client = connect("http://h2.test", { createConnection: () => carrier });
    await property(
      [value, path],
      async (sent, target) => {
        const stream = client.request(
          { ":method": "POST", ":path": target, "x-value": sent, te: "trailers" },
          { waitForTrailers: true },
        );
        stream.on("wantTrailers", () => stream.sendTrailers({ "x-trailer": sent }));
        const trailers = once(stream, "trailers");
        stream.end("body");
        const [headers] = await once(stream.resume(), "response");
        assert.equal(headers["x-value"], sent);
        assert.equal((await trailers)[0]["x-trailer"], sent);
        assert.deepEqual(seen, [sent, target, sent]);
      },
      { runs: 60 },
    );
    client.destroy();
  });
});

test("what cannot be written as one head is not written", () => {
  assert.equal(
    headText("GET / HTTP/1.1", [
      ["A", "b"],
      ["A", ""],
    ]),
    "GET / HTTP/1.1\r\nA: b\r\nA: \r\n\r\n",
  );
  for (const text of ["\r", "\n", "a\r\nb: c", "\0", "\u0100", "\u{1f600}"]) {
    assert.throws(() => headText(`GET /${text} HTTP/1.1`, []), /first line/);
    assert.throws(() => headText("GET / HTTP/1.1", [["A", `b${text}`]]), /header/);
    assert.throws(() => headText("GET / HTTP/1.1", [[`A${text}`, "b"]]), /header/);
  }
});

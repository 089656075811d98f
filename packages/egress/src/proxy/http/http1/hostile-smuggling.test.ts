/** Hostile traffic of class 12, and of class 15 within one connection: messages that are ambiguous, or never end. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { Certificates, Lab, readAll } from "../../testing/lab.ts";
import { dechunk, readAnswer, statuses } from "../../testing/raw-http.ts";
import { bodyOf, httpUpstream, type Recorder, upstream } from "../../testing/upstreams.ts";

describe("smuggling", () => {
  let dir: string;
  let web: Recorder;
  let odd: Recorder;
  let lab: Lab;
  const requests: string[] = [];
  let answer: (socket: Duplex) => void = () => undefined;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    web = await httpUpstream(async (request, response) => {
      requests.push(request.url!);
      const body = await bodyOf(request);
      response.setHeader("content-length", String(Buffer.byteLength(`${request.url} ${body}`)));
      response.end(`${request.url} ${body}`);
    });
    odd = await upstream((socket) => socket.once("data", () => answer(socket)));
    lab = await Lab.start(await Certificates.make(dir), { hosts: { "web.test": web.port, "odd.test": odd.port } });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    await web[Symbol.asyncDispose]();
    await odd[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  for (const [what, request] of [
    [
      "Content-Length and Transfer-Encoding",
      "POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["two Content-Lengths", "POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"],
    ["a list of Content-Lengths", "POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 4, 4\r\n\r\nabcd"],
    ["a signed Content-Length", "POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: +4\r\n\r\nabcd"],
    [
      "a Transfer-Encoding that is not chunked alone",
      "POST / HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "a Transfer-Encoding that only looks like chunked",
      "POST / HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "a Transfer-Encoding in HTTP/1.0",
      "POST / HTTP/1.0\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a header with a space before its colon", "GET / HTTP/1.1\r\nHost: web.test\r\nX-A : b\r\n\r\n"],
    ["a folded header", "GET / HTTP/1.1\r\nHost: web.test\r\nX-A: b\r\n c\r\n\r\n"],
    ["lines that end with LF alone", "GET / HTTP/1.1\nHost: web.test\n\n"],
    ["a header that ends with LF alone", "GET / HTTP/1.1\r\nHost: web.test\r\nX-A: b\nX-B: c\r\n\r\n"],
    ["CR in a header", "GET / HTTP/1.1\r\nHost: web.test\r\nX-A: b\rX-B: c\r\n\r\n"],
    ["NUL in a header", "GET / HTTP/1.1\r\nHost: web.test\r\nX-A: b\0c\r\n\r\n"],
    ["too many headers", `GET / HTTP/1.1\r\nHost: web.test\r\n${"A: b\r\n".repeat(300)}\r\n`],
    ["headers that are too long", `GET / HTTP/1.1\r\nHost: web.test\r\nA: ${"b".repeat(70_000)}\r\n\r\n`],
    ["a fragment in the target", "GET /#x HTTP/1.1\r\nHost: web.test\r\n\r\n"],
    ["a space in the target", "GET /a b HTTP/1.1\r\nHost: web.test\r\n\r\n"],
    ["another version", "GET / HTTP/1.2\r\nHost: web.test\r\n\r\n"],
    ["an unknown expectation", "GET / HTTP/1.1\r\nHost: web.test\r\nExpect: the worst\r\n\r\n"],
  ] as const) {
    test(`is refused: ${what}`, async () => {
      const count = (await lab.reports(0)).length;
      const before = requests.length;
      const [status, ...more] = await statuses(await lab.open("web.test", 80), request);
      assert.ok([400, 417, 431, 501, 0].includes(status!), String(status));
      assert.deepEqual(more, []);
      assert.equal(requests.length, before);
      const events = (await lab.reports(count + 1)).slice(count);
      assert.equal(events.length, 1);
      assert.notEqual(events[0]!.verdict, "allowed");
    });
  }

  test("requests that were sent ahead are answered in order, each checked by itself", async () => {
    const stream = await lab.open("web.test", 80);
    const get = (path: string, host = "web.test") => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    stream.write(
      `${get("/a")}POST /b HTTP/1.1\r\nHost: web.test\r\nContent-Length: 3\r\n\r\nxyz${get("/c")}${get("/d", "evil.test")}${get("/e")}`,
    );
    const text = await readAll(stream);
    assert.deepEqual(
      [...text.matchAll(/HTTP\/1\.1 ([0-9]+)/g)].map(([, status]) => status),
      ["200", "200", "200", "403"],
    );
    assert.ok(text.includes("/b xyz"));
    assert.ok(!requests.includes("/d") && !requests.includes("/e"));
  });

  test("a chunk whose size is not one ends the request", async () => {
    const before = web.received().length;
    assert.deepEqual(
      await statuses(
        await lab.open("web.test", 80),
        "POST / HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\nGET /smuggled HTTP/1.1\r\nHost: web.test\r\n\r\n",
      ),
      [0],
    );
    assert.ok(!web.received().slice(before).includes("smuggled"));
  });

  test("a chunked body is written anew", async () => {
    const before = web.received().length;
    const stream = await lab.open("web.test", 80);
    stream.write(
      "POST /chunks HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n00003;ext=1\r\nabc\r\n0\r\n\r\n",
    );
    assert.ok((await readAll(stream)).includes("/chunks abc"));
    assert.ok(!web.received().slice(before).includes("ext=1"));
  });

  test("headers that are about the connection stay on it", async () => {
    const before = web.received().length;
    const stream = await lab.open("web.test", 80);
    stream.write(
      "GET /hop HTTP/1.1\r\nHost: web.test\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\nX-Yours: 2\r\n\r\n",
    );
    await readAll(stream);
    const sent = web.received().slice(before);
    assert.ok(sent.includes("X-Yours: 2"));
    for (const gone of ["X-Mine", "Keep-Alive: 5", "Proxy-Auth", "h2c"]) assert.ok(!sent.includes(gone), gone);
  });

  test("a body that waits for leave gets it", async () => {
    const stream = await lab.open("web.test", 80);
    stream.write(
      "POST /expect HTTP/1.1\r\nHost: web.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
    );
    let text = "";
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text === "HTTP/1.1 100 Continue\r\n\r\n") stream.write("xyz");
    });
    await new Promise((resolve) => stream.once("end", resolve));
    assert.ok(text.includes("/expect xyz"), text);
  });

  for (const [what, bytes, status] of [
    ["interim answers without end", "HTTP/1.1 102 Processing\r\n\r\n".repeat(20), 502],
    ["an answer with two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 502],
    [
      "an answer in a transfer coding that nobody asked for",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      502,
    ],
    ["something that is no answer, and no line", "SSH-2.0-nothing", 502],
    ["headers without end", `HTTP/1.1 200 OK\r\nA: ${"b".repeat(70_000)}`, 502],
    [
      "a switch of protocols that nobody asked for",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
      502,
    ],
    ["something that is no answer", "SSH-2.0-nothing\r\n", 502],
    [
      "early hints before the answer",
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      200,
    ],
  ] as const) {
    test(`an upstream's ${what} get the guest ${status}`, async () => {
      answer = (socket) => socket.write(bytes);
      const stream = await lab.open("odd.test", 80);
      stream.write("GET / HTTP/1.1\r\nHost: odd.test\r\nConnection: close\r\n\r\n");
      assert.equal(Number(/^HTTP\/1\.1 ([0-9]+)/.exec(await readAll(stream))?.[1]), status);
    });
  }

  test("of an answer with both framings the chunks count, and its connection ends with it", async () => {
    answer = (socket) =>
      socket.write(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled",
      );
    const stream = await lab.open("odd.test", 80);
    stream.write("GET / HTTP/1.1\r\nHost: odd.test\r\n\r\nGET /next HTTP/1.1\r\nHost: odd.test\r\n\r\n");
    const text = await readAll(stream);
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n(?!.*content-length)[^]*\r\n3\r\nabc\r\n0\r\n\r\n$/i);
    assert.match(text, /^connection: close\r$/im);
  });

  test("an answer that breaks off breaks off for the guest too", async () => {
    answer = (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      setImmediate(() => socket.end());
    };
    const stream = await lab.open("odd.test", 80);
    stream.write("GET / HTTP/1.1\r\nHost: odd.test\r\n\r\n");
    const count = (await lab.reports(0)).length;
    assert.ok((await readAll(stream)).endsWith("half"));
    assert.equal((await lab.reports(count + 1)).at(-1)!.verdict, "failed");
  });

  test("an answer that ends with its connection arrives whole", async () => {
    answer = (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\nfirst ");
      setImmediate(() => socket.end("last"));
    };
    const count = (await lab.reports(0)).length;
    const stream = await lab.open("odd.test", 80);
    stream.write("GET / HTTP/1.1\r\nHost: odd.test\r\n\r\n");
    assert.match(dechunk(await readAll(stream)), /first last/);
    assert.equal((await lab.reports(count + 1)).at(-1)!.verdict, "allowed");
  });

  test("a whole answer arrives although the connection ends with it and the guest is slow", async () => {
    const size = 3_000_000;
    answer = (socket) =>
      socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n${"x".repeat(size)}`);
    const stream = await lab.open("odd.test", 80);
    stream.write("GET / HTTP/1.1\r\nHost: odd.test\r\n\r\n");
    let got = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      got += chunk.length;
      await new Promise(setImmediate);
    }
    assert.ok(got > size);
  });

  test("an answer before the body is complete is passed on", async () => {
    answer = (socket) => socket.end("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    const stream = await lab.open("odd.test", 80);
    stream.write(`POST / HTTP/1.1\r\nHost: odd.test\r\nContent-Length: 10000000\r\n\r\n${"x".repeat(100_000)}`);
    assert.match(await readAnswer(stream), /^HTTP\/1\.1 413 [^]*no$/);
    stream.destroy();
  });
});

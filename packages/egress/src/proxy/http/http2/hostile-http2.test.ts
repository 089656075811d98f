/** Hostile traffic of class 10: floods and bombs over HTTP/2, as bytes that no client sends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, constants } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { Certificates, Lab } from "../../testing/lab.ts";
import { http2Upstream, type Recorder } from "../../testing/upstreams.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A literal header without indexing. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

const REQUEST = Buffer.concat([
  literal(":method", "GET"),
  literal(":scheme", "http"),
  literal(":path", "/"),
  literal(":authority", "plain.test"),
]);

describe("HTTP/2 as an attacker speaks it", () => {
  let dir: string;
  let plain: Recorder;
  let lab: Lab;
  let requests = 0;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    plain = await http2Upstream((stream) => {
      requests++;
      stream.respond({ ":status": 200 });
      stream.end("fine");
    });
    lab = await Lab.start(await Certificates.make(dir), { hosts: { "plain.test": plain.port } });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    await plain[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const open = async (): Promise<Duplex> => {
    const stream = await lab.open("plain.test", 80);
    stream.resume();
    stream.write(Buffer.concat([PREFACE, frame(4, 0, 0)]));
    return stream;
  };

  /** The connection ends, and a new one works. */
  const ends = async (stream: Duplex) => {
    if (!stream.closed && !stream.readableEnded)
      await Promise.race([
        new Promise((resolve) => stream.once("close", resolve)),
        new Promise((resolve) => stream.once("end", resolve)),
      ]);
    const good = await lab.open("plain.test", 80);
    const client = connect("http://plain.test", { createConnection: () => good });
    const [headers] = await once(client.request({ ":path": "/" }), "response");
    assert.equal(headers[":status"], 200);
    client.destroy();
  };

  test("streams that are reset as soon as they are opened end the connection", async () => {
    const stream = await open();
    const before = requests;
    const flood = Array.from({ length: 2_000 }, (_, index) =>
      Buffer.concat([frame(1, 5, 2 * index + 1, REQUEST), frame(3, 0, 2 * index + 1, Buffer.from([0, 0, 0, 8]))]),
    );
    stream.write(Buffer.concat(flood));
    await ends(stream);
    assert.ok(requests - before < 1_000, `${requests - before} reached the upstream`);
  });

  test("headers without end are not collected", async () => {
    const stream = await open();
    stream.write(frame(1, 1, 1, REQUEST));
    for (let index = 0; index < 100 && !stream.destroyed; index++)
      stream.write(frame(9, 0, 1, literal("a".repeat(100), "b".repeat(100))));
    await ends(stream);
  });

  test("headers that are too many or too long are refused", async () => {
    const stream = await lab.open("plain.test", 80);
    const client = connect("http://plain.test", { createConnection: () => stream });
    client.on("error", () => undefined);
    const before = requests;
    const many = client.request({
      ":path": "/",
      ...Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`a${index}`, "b"])),
    });
    many.on("error", () => undefined);
    await new Promise((resolve) => many.once("close", resolve));
    assert.notEqual(many.rstCode, constants.NGHTTP2_NO_ERROR);
    assert.equal(requests, before);
    client.destroy();
  });

  test("a flood of pings or settings ends the connection or is borne", async () => {
    for (const flood of [frame(6, 0, 0, Buffer.alloc(8)), frame(4, 0, 0)]) {
      const stream = await open();
      stream.pause();
      for (let index = 0; index < 20 && !stream.destroyed; index++)
        stream.write(Buffer.concat(Array.from({ length: 1_000 }, () => flood)));
      stream.destroy();
      await ends(stream);
    }
  });

  test("a second preface, and a frame on a stream that nobody opened, end the connection", async () => {
    for (const bytes of [PREFACE, frame(0, 0, 99, Buffer.from("data"))]) {
      const stream = await open();
      stream.write(bytes);
      await ends(stream);
    }
  });
});

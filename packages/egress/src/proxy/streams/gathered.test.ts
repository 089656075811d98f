import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Certificates, Lab, readAll } from "../testing/lab.ts";
import { bodyOf, httpUpstream } from "../testing/upstreams.ts";
import { gathered } from "./gathered.ts";

test("small pieces that come at once wait as one, in order with large ones, and count at once", async () => {
  const stream = gathered(new Readable({ read: () => undefined, highWaterMark: 5_000 }));
  const large = Buffer.alloc(2_000, "L");
  const more = Array.from({ length: 3_000 }, () => stream.push(Buffer.from("x")));
  assert.ok(more.every(Boolean));
  assert.equal(stream.push(large), false);
  assert.equal(stream.push(Buffer.from("y")), false);
  stream.push(Buffer.from("z"));
  stream.push(null);
  const pieces: string[] = [];
  stream.on("data", (chunk: Buffer) => pieces.push(chunk.toString()));
  await once(stream, "end");
  assert.deepEqual(pieces, ["x".repeat(3_000), large.toString(), "yz"]);
});

test("an upload in chunks of a byte goes on in larger ones", async () => {
  const dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
  await using web = await httpUpstream(async (request, response) => response.end(await bodyOf(request)));
  await using lab = await Lab.start(await Certificates.make(dir), { hosts: { "web.test": web.port } });
  const stream = await lab.open("web.test", 80);
  stream.write(
    `POST / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(2_000)}0\r\n\r\n`,
  );
  assert.ok((await readAll(stream)).includes("x".repeat(2_000)));
  const [, body = ""] = web.received().split("\r\n\r\n", 2);
  assert.ok(body.length < 3_000, `${body.length} bytes`);
  await rm(dir, { recursive: true });
});

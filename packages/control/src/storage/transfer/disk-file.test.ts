import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { constants, createZstdCompress, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type DiskFileHeader, readDiskFile, writeDiskFile } from "./disk-file.ts";

const content = Buffer.concat([randomBytes(100_000), Buffer.alloc(1_000_000)]);
const header: DiskFileHeader = {
  capacityBytes: 1e9,
  bootable: true,
  dataBytes: content.length,
  slug: "data-1",
  exportedAt: "2026-01-02T03:04:05.000Z",
};

const stream = (...pieces: Uint8Array[]) => Readable.from(pieces, { objectMode: false });
const written = () => buffer(writeDiskFile(header, stream(content)));
async function read(source: Readable): Promise<{ header: DiskFileHeader; content: Buffer }> {
  await using file = await readDiskFile(source);
  return { header: file.header, content: await buffer(file.data) };
}
const INVALID = { name: "ApiError", code: "INVALID_DISK_FILE" };

/** A file with these parts, and the right checksum unless there is another one. */
function made(
  magic: string,
  json: string,
  data: Buffer,
  { digest, length = Buffer.byteLength(json) }: Made = {},
): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(length);
  const all = Buffer.concat([Buffer.from(magic), size, Buffer.from(json), data]);
  return zstdCompressSync(Buffer.concat([all, digest ?? createHash("sha256").update(all).digest()]));
}
interface Made {
  digest?: Buffer;
  length?: number;
}

test("what was written is read, in whatever pieces it arrives", async () => {
  const file = await written();
  assert.ok(file.length < 110_000, `${file.length}`);
  assert.deepEqual(await read(stream(file)), { header, content });
  const pieces = Array.from({ length: Math.ceil(file.length / 97) }, (_, n) => file.subarray(n * 97, (n + 1) * 97));
  assert.deepEqual(await read(stream(...pieces)), { header, content });
});

test("a file that is cut off anywhere, or has one changed byte, is refused", async () => {
  const file = await written();
  for (let n = 0; n < 60; n++) {
    const at = n < 20 ? n : n < 40 ? file.length - 1 - (n - 20) : Math.floor((file.length * (n - 39)) / 21);
    await assert.rejects(read(stream(file.subarray(0, at))), INVALID, `cut off at ${at}`);
    const changed = Buffer.from(file);
    changed[at]! ^= 1 << (n % 8);
    const outcome = await read(stream(changed)).then(
      (same) => same,
      (error) => error,
    );
    // Some bits of the container mean nothing.
    if (outcome instanceof Error) assert.equal("code" in outcome && outcome.code, INVALID.code, `changed at ${at}`);
    else assert.deepEqual(outcome, { header, content }, `changed at ${at}`);
  }
});

test("a changed file is refused as such, also while it is still arriving", async () => {
  const file = await written();
  const changed = Buffer.from(file);
  // Some single bits make no difference to what is decompressed.
  for (let at = file.length >> 1, end = at + 64; at < end; at++) changed[at]! ^= 0xff;
  for (const bytes of [1_000, 20_000, file.length])
    for (const turns of [0, 1, 20]) {
      const arriving = Readable.from(
        (async function* () {
          for (let at = 0; at < file.length; at += bytes) {
            for (let turn = 0; turn < turns; turn++) await setImmediate();
            yield changed.subarray(at, at + bytes);
          }
          for (let turn = 0; turn < turns; turn++) await setImmediate();
        })(),
        { objectMode: false },
      );
      await assert.rejects(read(arriving), INVALID, `${bytes} ${turns}`);
    }
});

test("a file that is well formed and wrong is refused", async () => {
  const magic = "sandkeep disk 1\n";
  const json = JSON.stringify(header);
  assert.deepEqual((await read(stream(made(magic, json, content)))).content, content);
  for (const [n, file] of [
    Buffer.alloc(0),
    Buffer.from("not compressed"),
    zstdCompressSync("short"),
    made("sandkeep disk 2\n", json, content),
    made(magic, "{", content),
    made(magic, JSON.stringify({ ...header, capacityBytes: -1 }), content),
    made(magic, JSON.stringify({ ...header, dataBytes: 1.5 }), content),
    made(magic, json, content, { length: 2 ** 32 - 1 }),
    made(magic, json, content, { digest: Buffer.alloc(32) }),
    made(magic, JSON.stringify({ ...header, dataBytes: content.length - 1 }), content),
    made(magic, json, content.subarray(1)),
    zstdCompressSync(Buffer.concat([zstdDecompressSync(made(magic, json, content)), Buffer.from("more")])),
  ].entries())
    await assert.rejects(read(stream(file)), INVALID, String(n));
});

test("a file that needs much memory to be decompressed is refused", async () => {
  const params = { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_enableLongDistanceMatching]: 1 };
  // Its size is not known before, so that the window is as large as asked for.
  const plain = zstdDecompressSync(await written());
  const greedy = await buffer(stream(plain).pipe(createZstdCompress({ params })));
  await assert.rejects(read(stream(greedy)), INVALID);
});

test("a source that fails is not the file's fault, and no data are read beyond what is asked for", async () => {
  const file = await written();
  const lost = Readable.from(
    (async function* () {
      yield file.subarray(0, 50_000);
      throw new Error("the connection is lost");
    })(),
    { objectMode: false },
  );
  await assert.rejects(read(lost), { message: "the connection is lost" });
  const source = stream(file);
  {
    await using _ = await readDiskFile(source);
  }
  assert.ok(source.destroyed);
});

test("who stops reading ends what is being written, and what fails there fails the file", async () => {
  const data = stream(content);
  const file = writeDiskFile(header, data);
  file.destroy();
  if (!data.closed) await once(data, "close");
  assert.ok(data.destroyed);
  const failing = Readable.from(
    (async function* () {
      yield content.subarray(0, 10);
      throw new Error("the disk fails");
    })(),
    { objectMode: false },
  );
  await assert.rejects(buffer(writeDiskFile(header, failing)), { message: "the disk fails" });
});

test("a file comes in large pieces, each of which costs the server a turn", async () => {
  const random = randomBytes(4_000_000);
  const pieces = await writeDiskFile({ ...header, dataBytes: random.length }, stream(random)).toArray();
  assert.ok(pieces.length < 100, String(pieces.length));
});

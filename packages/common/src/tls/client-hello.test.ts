import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { connect } from "node:tls";
import fc from "fast-check";
import { MAX_CLIENT_HELLO_BYTES, readClientHello } from "./client-hello.ts";

/** The same on every run, so that failures can be reproduced. */
const SEED = Number(process.env.SANDKEEP_SEED ?? 13);
const RUNS = 500;

/** What Node's client begins with. */
function clientHello(servername: string, alpn: string[]): Promise<Buffer> {
  return new Promise((resolve) => {
    const stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        resolve(chunk);
        done();
      },
    });
    connect({ socket: stream as never, servername, ...(alpn.length > 0 && { ALPNProtocols: alpn }) }).on(
      "error",
      () => undefined,
    );
  });
}

/** The same message in other records. */
function inRecords(hello: Buffer, sizes: number[]): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0, index = 0; at < message.length; index++) {
    const size = sizes[index] ?? message.length;
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
    at += size;
  }
  return Buffer.concat(records);
}

test("reads the name and the protocols that a client asks for", async () => {
  const read = readClientHello(await clientHello("api.example.com", ["h2", "http/1.1"]));
  assert.deepEqual(read, { state: "done", hello: { serverName: "api.example.com", alpn: ["h2", "http/1.1"] } });
  const bare = readClientHello(await clientHello("", []));
  assert.deepEqual(bare, { state: "done", hello: { serverName: null, alpn: [] } });
});

test("reads it however it is split over records, from as few bytes as it says it needs", async () => {
  const hello = await clientHello("api.example.com", ["h2"]);
  const records = fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 40 });
  fc.assert(
    fc.property(records, (sizes) => {
      const bytes = inRecords(hello, sizes);
      let read = readClientHello(bytes.subarray(0, 0));
      while (read.state === "more") {
        assert.ok(read.wanted <= bytes.length);
        read = readClientHello(bytes.subarray(0, read.wanted));
      }
      assert.deepEqual(read, { state: "done", hello: { serverName: "api.example.com", alpn: ["h2"] } });
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

test("never wants less than there is, and never more than there will be", async () => {
  const hello = await clientHello("api.example.com", []);
  for (let length = 0; length < hello.length; length++) {
    const read = readClientHello(hello.subarray(0, length));
    assert.ok(read.state === "more" && read.wanted > length && read.wanted <= hello.length, `${length}`);
  }
});

test("takes any bytes without throwing, and changed ones for what they are", async () => {
  const hello = await clientHello("api.example.com", ["h2"]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void readClientHello(bytes)),
    { seed: SEED, numRuns: RUNS },
  );
  fc.assert(
    fc.property(fc.nat(hello.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(hello);
      changed[at] = byte;
      const read = readClientHello(changed);
      if (read.state === "done" && read.hello.serverName !== null)
        assert.match(read.hello.serverName, /^[\x21-\x7e]+$/);
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

test("refuses what two readers might read differently", async () => {
  const hello = await clientHello("aaaa.example.com", ["h2"]);
  const name = hello.indexOf("aaaa.example.com");
  const twice = Buffer.from(hello);
  // The list of names holds a second one.
  twice.writeUInt16BE(hello.readUInt16BE(name - 2) - 4, name - 2);
  assert.equal(readClientHello(twice).state, "invalid");
  const nul = Buffer.from(hello);
  nul[name + 1] = 0;
  assert.equal(readClientHello(nul).state, "invalid");
  assert.equal(readClientHello(Buffer.concat([inRecords(hello, []), Buffer.alloc(0)])).state, "done");
  const longer = Buffer.concat([hello, Buffer.from([0])]);
  longer.writeUInt16BE(hello.length - 5 + 1, 3);
  assert.equal(readClientHello(longer).state, "invalid");
});

test("is bounded", () => {
  const long = Buffer.alloc(9, 0);
  long.set([22, 3, 1, 64, 0, 1]);
  long.writeUIntBE(MAX_CLIENT_HELLO_BYTES, 6, 3);
  assert.equal(readClientHello(long).state, "invalid");
  const many = Buffer.concat(
    Array.from({ length: 70 }, (_, index) => Buffer.from([22, 3, 1, 0, 1, index === 0 ? 1 : 0x10])),
  );
  assert.equal(readClientHello(many).state, "invalid");
});

/** Hostile traffic of class 8: however an upstream frames its response, a value is found, wherever it is split. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Certificates, Lab, readAll } from "../../testing/lab.ts";
import { dechunk } from "../../testing/raw-http.ts";
import { type Recorder, upstream } from "../../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";
const PAIR = "user-4711:correct-horse";

describe("framing that an upstream chooses makes no seams", () => {
  let dir: string;
  const upstreams: Recorder[] = [];
  let lab: Lab;
  /** What the upstream answers, as bytes. */
  let answer: string | Buffer;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    const serve: Parameters<typeof upstream>[0] = (socket) => {
      let request = "";
      socket.on("data", (chunk: Buffer) => {
        request += chunk.toString("latin1");
        if (request.includes("\r\n\r\n")) socket.end(answer);
      });
    };
    for (const name of ["api.test", "other.test"])
      upstreams.push(await upstream(serve, { tls: await certificates.contextFor(name), alpn: ["http/1.1"] }));
    lab = await Lab.start(certificates, {
      hosts: { "api.test": upstreams[0]!.port, "other.test": upstreams[1]!.port },
      secrets: [
        { name: "KEY", value: VALUE, hosts: ["api.test"] },
        { name: "PAIR", value: PAIR, hosts: ["api.test"] },
      ],
    });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    for (const one of upstreams) await one[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const ask = async (bytes: Buffer, host = "api.test"): Promise<string> => {
    answer = bytes;
    const tls = await lab.openTls(host, 443);
    tls.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return dechunk(await readAll(tls)).replace(/0\r\n\r\n$/, "");
  };
  const head = (...fields: string[]) => Buffer.from(["HTTP/1.1 200 OK", ...fields, "", ""].join("\r\n"), "latin1");
  const prefix = (length: number) => Buffer.from([0, 0, 0, 0, length]);

  for (const type of ["application/grpc", "application/grpc-web+proto", "application/grpc+json; charset=x"]) {
    test(`in what calls itself messages of ${type}, cut anywhere in the value`, async () => {
      for (let cut = 0; cut <= VALUE.length; cut++) {
        const body = Buffer.concat([prefix(4 + cut), Buffer.from(`is: ${VALUE}`), prefix(3), Buffer.from("end")]);
        // Of a host that is for a secret, what is not messages is not passed on at all.
        for (const host of ["api.test", "other.test"]) {
          const text = await ask(
            Buffer.concat([head(`content-type: ${type}`, `content-length: ${body.length}`), body]),
            host,
          );
          if (host === "other.test") assert.match(text, /is: .{24}\0\0\0\0\x03end$/, `cut ${cut}: ${text}`);
          for (let at = 3; at < VALUE.length - 3; at++)
            assert.ok(!text.includes(VALUE.slice(at, at + 4)), `cut ${cut}: ${text}`);
        }
      }
    });
  }

  test("in two messages of gRPC that hold a value together, however many empty ones are between them", async () => {
    for (const between of [0, 1, 3]) {
      for (let cut = 0; cut <= VALUE.length; cut++) {
        const parts = [
          Buffer.from(`is: ${VALUE.slice(0, cut)}`),
          ...Array.from({ length: between }, () => Buffer.alloc(0)),
          Buffer.from(`${VALUE.slice(cut)}!`),
        ];
        const body = Buffer.concat(parts.flatMap((part) => [prefix(part.length), part]));
        for (const host of ["api.test", "other.test"]) {
          const text = await ask(
            Buffer.concat([head("content-type: application/grpc", `content-length: ${body.length}`), body]),
            host,
          );
          const got = text.slice(text.indexOf("\r\n\r\n") + 4);
          assert.equal(got.length, body.length, `cut ${cut}: ${got}`);
          const contents = got.replaceAll(/\0\0\0\0./gs, "");
          assert.match(contents, /^is: .{24}!$/, `cut ${cut}: ${got}`);
          for (let at = 3; at < VALUE.length - 3; at++)
            assert.ok(!contents.includes(VALUE.slice(at, at + 4)), `cut ${cut}: ${got}`);
        }
      }
    }
  });

  test("in chunks with extensions, a byte each", async () => {
    const chunks = Array.from(VALUE, (byte) => `1;x="${VALUE}"\r\n${byte}\r\n`).join("");
    const text = await ask(
      Buffer.concat([head("transfer-encoding: chunked"), Buffer.from(`${chunks}0\r\nx-${VALUE}: ${VALUE}\r\n\r\n`)]),
    );
    assert.ok(text.includes(lab.placeholders.KEY!) && !text.includes(VALUE), text);
  });

  test("in a transfer coding that nobody asked for", async () => {
    const bytes = gzipSync(`is: ${VALUE}`);
    for (const coding of ["gzip, chunked", "gzip\r\ntransfer-encoding: chunked"]) {
      const text = await ask(
        Buffer.concat([
          head(`transfer-encoding: ${coding}`),
          Buffer.from(`${bytes.length.toString(16)}\r\n`),
          bytes,
          Buffer.from("\r\n0\r\n\r\n"),
        ]),
      );
      assert.match(text, /^HTTP\/1\.1 502 /);
    }
  });

  test("in interim answers, whose heads stay here", async () => {
    const text = await ask(
      Buffer.concat([
        Buffer.from(`HTTP/1.1 103 ${VALUE}\r\nlink: ${VALUE}\r\n\r\n`),
        head("content-length: 2"),
        Buffer.from("ok"),
      ]),
    );
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*ok$/);
    assert.ok(!text.includes(VALUE), text);
  });

  test("between the name of a header and its value", async () => {
    for (const line of [PAIR, PAIR.replace(":", ": "), `x-${PAIR}-more`]) {
      const text = await ask(Buffer.concat([head(line, "x-other: 1", "content-length: 2"), Buffer.from("ok")]));
      assert.match(text, /^HTTP\/1\.1 200 OK\r\nx-other: 1\r\n/i);
      assert.ok(!/correct-horse|user-4711/i.test(text), text);
    }
  });

  test("in parts of a multipart body whose boundary is in the value's way", async () => {
    const body = `--a\r\ncontent-disposition: form-data; name="${VALUE}"\r\n\r\n${VALUE}\r\n--${VALUE}--\r\n`;
    const text = await ask(
      Buffer.concat([
        head(`content-type: multipart/form-data; boundary=${VALUE}`, `content-length: ${body.length}`),
        Buffer.from(body),
      ]),
    );
    assert.ok(!text.includes(VALUE), text);
  });

  test("in the names and values of the head that opens a WebSocket", async () => {
    const key = Buffer.alloc(16, 7).toString("base64");
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    answer = Buffer.from(
      `HTTP/1.1 101 ${VALUE}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nx-${VALUE}: 1\r\n${PAIR}\r\nx-value: ${VALUE}\r\n\r\n`,
    );
    const tls = await lab.openTls("api.test", 443);
    tls.write(
      `GET / HTTP/1.1\r\nHost: api.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    const [chunk] = (await once(tls, "data")) as [Buffer];
    const text = chunk.toString("latin1");
    assert.match(text, /^HTTP\/1\.1 101 [^]*\r\n\r\n$/);
    assert.ok(text.includes(`x-${lab.placeholders.KEY}: 1`) && text.includes(`x-value: ${lab.placeholders.KEY}`), text);
    assert.ok(!text.includes(VALUE) && !text.includes("correct-horse"), text);
    tls.destroy();
  });
});

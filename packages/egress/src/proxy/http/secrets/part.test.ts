/** Range requests to hosts that may know a value, and to hosts that do not. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { brotliCompressSync, constants, deflateSync, gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { fc, property } from "../../../testing/property.ts";
import { Certificates, Lab, type LabSecret, readAll } from "../../testing/lab.ts";
import { dechunk } from "../../testing/raw-http.ts";
import { httpUpstream, type Recorder } from "../../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";
const KEY: LabSecret = { name: "KEY", value: VALUE, hosts: ["api.test"] };
const PERCENT = Array.from(VALUE, (character) => `%${character.charCodeAt(0).toString(16)}`).join("");
const FILE = Buffer.from(`${"a".repeat(9_000)}${VALUE}${"b".repeat(50)}${PERCENT}${"c".repeat(7_000)}${VALUE}`);
const CLEAN = FILE.toString().replaceAll(VALUE, "REDACTED".repeat(3)).replaceAll(PERCENT, "REDACTED".repeat(9));

describe("answers in parts, with lengths and in codings", () => {
  let dir: string;
  const upstreams: Recorder[] = [];
  let lab: Lab;
  /** What else the upstream does to an answer. */
  let twist: (response: ServerResponse, request: IncomingMessage) => Buffer | void = () => undefined;

  /** A server of one file, as they are. */
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const twisted = twist(response, request);
    if (twisted) return response.end(twisted);
    const [, first, last, suffix] =
      /^bytes=(?:(\d+)-(\d*)|-(\d+))$/.exec(request.headers.range ?? request.headers["x-ms-range"]?.toString() ?? "") ??
      [];
    response.setHeader("accept-ranges", "bytes");
    response.setHeader("etag", '"1"');
    if ((first === undefined && suffix === undefined) || (request.headers["if-range"] ?? '"1"') !== '"1"')
      return response.writeHead(200, { "content-length": FILE.length }).end(FILE);
    const from = suffix === undefined ? Number(first) : Math.max(0, FILE.length - Number(suffix));
    const to = Math.min(last ? Number(last) : Infinity, FILE.length - 1);
    if (from > to) return response.writeHead(416, { "content-range": `bytes */${FILE.length}` }).end();
    response
      .writeHead(206, { "content-range": `bytes ${from}-${to}/${FILE.length}`, "content-length": to - from + 1 })
      .end(FILE.subarray(from, to + 1));
  };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    for (const name of ["api.test", "other.test"])
      upstreams.push(await httpUpstream(serve, { tls: await certificates.contextFor(name), alpn: ["http/1.1"] }));
    upstreams.push(await httpUpstream(serve));
    lab = await Lab.start(certificates, {
      hosts: { "api.test": upstreams[0]!.port, "other.test": upstreams[1]!.port, "plain.test": upstreams[2]!.port },
      secrets: [KEY],
    });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    for (const one of upstreams) await one[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  interface Answer {
    status: number;
    head: string;
    body: Buffer;
  }

  const ask = async (headers: string[], { host = "api.test", method = "GET", port = 443 } = {}): Promise<Answer> => {
    const stream = port === 443 ? await lab.openTls(host, port) : await lab.open(host, port);
    stream.write([`${method} / HTTP/1.1`, `Host: ${host}`, "Connection: close", ...headers, "", ""].join("\r\n"));
    const text = await readAll(stream);
    const end = text.indexOf("\r\n\r\n") + 4;
    const whole = dechunk(text)
      .slice(end)
      .replace(/0\r\n\r\n$/, "");
    return { status: Number(text.slice(9, 12)), head: text.slice(0, end), body: Buffer.from(whole, "latin1") };
  };
  const twisted = async <T>(how: typeof twist, run: () => Promise<T>): Promise<T> => {
    twist = how;
    try {
      return await run();
    } finally {
      twist = () => undefined;
    }
  };

  test("a whole file keeps its length, and a value in it is filled up", async () => {
    const { status, head, body } = await ask([]);
    assert.equal(status, 200);
    assert.match(head, new RegExp(`content-length: ${FILE.length}\r\n`, "i"));
    assert.equal(body.toString(), CLEAN);
    assert.match((await ask([], { method: "HEAD" })).head, new RegExp(`content-length: ${FILE.length}\r\n`, "i"));
  });

  test("any part is that of the file without values: none is cut in two", () =>
    property(
      [
        fc.nat({ max: FILE.length + 40 }),
        fc.nat({ max: FILE.length + 40 }),
        fc.constantFrom("both", "first", "last"),
        fc.constantFrom(0, 9_000, FILE.length - 24),
        fc.constantFrom("Range", "X-Ms-Range"),
      ],
      async (one, other, kind, near, name) => {
        // Half of the time near a value.
        const [first, last] = [one, other].map((at) => (near ? near + (at % 40) - 8 : at)).sort((a, b) => a - b) as [
          number,
          number,
        ];
        const range = kind === "both" ? `${first}-${last}` : kind === "first" ? `${first}-` : `-${last + 1}`;
        const [from, to] =
          kind === "last"
            ? [Math.max(0, FILE.length - last - 1), FILE.length - 1]
            : [first, Math.min(kind === "both" ? last : Infinity, FILE.length - 1)];
        const { status, head, body } = await ask([`${name}: bytes=${range}`]);
        if (from > to) {
          assert.equal(status, 416, range);
          assert.match(head, new RegExp(`content-range: bytes \\*/${FILE.length}\r\n`, "i"));
          return;
        }
        assert.equal(status, 206, range);
        assert.match(head, new RegExp(`content-range: bytes ${from}-${to}/${FILE.length}\r\n`, "i"));
        assert.match(head, new RegExp(`content-length: ${to - from + 1}\r\n`, "i"));
        assert.equal(body.toString(), CLEAN.slice(from, to + 1), range);
      },
      { runs: 120 },
    ));

  test("a download goes on where it stopped, if the file is still the same", async () => {
    assert.equal((await ask(["Range: bytes=9010-", 'If-Range: "1"'])).body.toString(), CLEAN.slice(9_010));
    const changed = await ask(["Range: bytes=9010-", 'If-Range: "0"']);
    assert.deepEqual([changed.status, changed.body.toString()], [200, CLEAN]);
  });

  test("a host that knew a value once is asked in the same way without TLS, and when the secret is for another or revoked", async () => {
    const expected = CLEAN.slice(9_003, 9_014);
    for (const secrets of [[{ ...KEY, hosts: ["plain.test:443"] }], []]) {
      lab.update({}, secrets);
      assert.equal((await ask(["Range: bytes=9003-9013"], { host: "plain.test", port: 80 })).body.toString(), expected);
      assert.equal((await ask(["Range: bytes=9003-9013"])).body.toString(), expected);
    }
    lab.update({}, [KEY]);
  });

  for (const [what, headers] of Object.entries({
    "another part": { "content-range": `bytes 9003-9013/${FILE.length}` },
    "a part that ends early": { "content-range": "bytes 5000-9010/*" },
    "two parts": { "content-range": [`bytes 0-10/${FILE.length}`, `bytes 9003-9013/${FILE.length}`] },
    "several parts": { "content-type": "multipart/byteranges; boundary=a" },
    "a part of something coded": { "content-range": `bytes 0-10/${FILE.length}`, "content-encoding": "gzip" },
  })) {
    test(`an upstream that answers with ${what} fails`, async () => {
      const answer = await twisted(
        (response) => (response.writeHead(206, headers as OutgoingHttpHeaders), FILE.subarray(9_003, 9_014)),
        () => ask(["Range: bytes=9003-9013"]),
      );
      assert.equal(answer.status, 502, answer.head);
      assert.ok(!answer.body.includes(VALUE.slice(3, 10)));
    });
  }

  test("a part of what calls itself messages is cut out as well", async () => {
    const margin = lab.sandbox.redactor.longestSpelling;
    // What is asked for on behalf of it begins within the value.
    for (const within of [8, 9, 14]) {
      const first = 9_000 + within + margin;
      const { body } = await twisted(
        (response) => void response.setHeader("content-type", "application/grpc"),
        () => ask([`Range: bytes=${first}-${first + 10}`]),
      );
      assert.ok(!body.includes(VALUE.slice(within)), body.toString());
    }
  });

  test("a part that nobody asked for fails, of a host that knows a value", async () => {
    const part = { "content-range": `bytes 9003-9013/${FILE.length}` };
    const unasked = (host: string, method: string) =>
      twisted(
        (response) => (response.writeHead(206, part), FILE.subarray(9_003, 9_014)),
        () => ask([], { host, method }),
      );
    for (const method of ["GET", "POST"]) assert.equal((await unasked("api.test", method)).status, 502, method);
    assert.equal((await unasked("other.test", "GET")).status, 206);
  });

  const CODED: Record<string, (bytes: Buffer) => Buffer> = {
    gzip: gzipSync,
    deflate: deflateSync,
    br: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  };
  const pieces = (coding: string, bytes: Buffer, size: number) => (response: ServerResponse) => {
    response.writeHead(200, {
      "content-encoding": coding,
      "content-length": bytes.length,
      "x-md5": "1",
      digest: "x=1",
    });
    for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
    return Buffer.alloc(0);
  };
  // What does not shrink, so that there are many pieces.
  const noise = Buffer.from(Array.from({ length: 60_000 }, (_, at) => (at * at * 2_654_435_761) >>> 24));

  for (const [coding, encode] of Object.entries(CODED)) {
    test(`of another host, what is in ${coding} arrives as it is`, async () => {
      const bytes = encode(noise);
      for (const size of [bytes.length, 1_000]) {
        const { status, head, body } = await twisted(pieces(coding, bytes, size), () =>
          ask([], { host: "other.test" }),
        );
        assert.equal(status, 200);
        assert.match(head, new RegExp(`content-encoding: ${coding}\r\n`, "i"));
        assert.match(head, new RegExp(`content-length: ${bytes.length}\r\n`, "i"));
        assert.match(head, /digest: x=1\r\n/i);
        assert.ok(body.equals(bytes));
      }
    });

    test(`of another host, a value in ${coding} does not arrive, however it is split`, async () => {
      const bytes = encode(Buffer.concat([noise, Buffer.from(VALUE), noise]));
      for (const size of [bytes.length, 1_000, 1]) {
        const { body } = await twisted(pieces(coding, bytes, size), () => ask([], { host: "other.test" }));
        assert.ok(
          body.length < bytes.length && body.equals(bytes.subarray(0, body.length)),
          `${body.length} of ${bytes.length}`,
        );
        if (coding !== "gzip") continue;
        const decoded = gunzipSync(body, { finishFlush: constants.Z_SYNC_FLUSH });
        assert.ok(!decoded.includes(VALUE.slice(0, 4)), `${size}`);
      }
      assert.match((lab.events.at(-1) as { reason?: string }).reason ?? "", /value of KEY/);
    });
  }

  test("of another host, a value in the name that gzip keeps does not arrive", async () => {
    const plain = gzipSync(noise);
    const bytes = Buffer.concat([
      plain.subarray(0, 3),
      Buffer.of(8),
      plain.subarray(4, 10),
      Buffer.from(`${VALUE}\0`),
      plain.subarray(10),
    ]);
    assert.deepEqual(gunzipSync(bytes), noise);
    assert.ok(!(await twisted(pieces("gzip", bytes, 7), () => ask([], { host: "other.test" }))).body.includes(VALUE));
  });

  test("of another host, what is in Zstandard or in two codings is decoded, and so is all while a value is as short as a word", async () => {
    const text = Buffer.from(`[${VALUE}]`);
    for (const [coding, bytes] of [
      ["zstd", zstdCompressSync(text)],
      ["gzip, br", brotliCompressSync(gzipSync(text))],
    ] as const) {
      const { head, body } = await twisted(pieces(coding, bytes, 5), () => ask([], { host: "other.test" }));
      assert.ok(!/content-(encoding|length)|digest/i.test(head), head);
      assert.equal(body.toString(), `[${lab.placeholders.KEY}]`);
    }
    lab.update({}, [KEY, { name: "WORD", value: "postgres", hosts: ["api.test"] }]);
    const { body } = await twisted(pieces("gzip", gzipSync("about postgres"), 5), () =>
      ask([], { host: "other.test" }),
    );
    assert.equal(body.toString(), `about ${lab.placeholders.WORD}`);
    lab.update({}, [KEY]);
  });
});

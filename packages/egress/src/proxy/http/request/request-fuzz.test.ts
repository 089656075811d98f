/** Whatever a guest sends, what reaches the upstream is unambiguous, and addressed to the host that the connection is for. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import type { Header } from "@sandkeep/common/http";
import { fc, property } from "../../../testing/property.ts";
import { Refusal } from "../../refusal.ts";
import { Certificates, Lab, readAll } from "../../testing/lab.ts";
import { type Recorder, upstream } from "../../testing/upstreams.ts";
import { checkHead, type RequestHead } from "./request-checks.ts";

const NAME = "web.test";
/** What the most lenient of servers would take for the first line of a request. */
const LENIENT = /\sHTTP\/|^(GET|POST|PUT|HEAD|DELETE|PATCH|OPTIONS|CONNECT|TRACE)\s+(\/|\*|http)/i;

/** A reader of requests that is stricter than RFC 9112, and knows nothing of ours. Gives what is left when the last one is not complete. */
function readRequests(bytes: string): { heads: string[]; rest: string } {
  const heads: string[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return { heads, rest };
    const head = rest.slice(0, end);
    const [first, ...lines] = head.split("\r\n") as [string, ...string[]];
    assert.match(first, /^[A-Z][A-Z-]* (\/[\x21-\x7e\x80-\xff]*|\*) HTTP\/1\.1$/, "a request line");
    for (const line of lines) assert.match(line, /^[\w!#$%&'*+.^`|~-]+: ?[\x20-\x7e\x80-\xff\t]*$/, "a header");
    const values = (name: string) =>
      lines
        .filter((line) => line.toLowerCase().startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).trim());
    assert.deepEqual(values("host"), [NAME]);
    const [lengths, codings] = [values("content-length"), values("transfer-encoding")];
    assert.ok(lengths.length + codings.length <= 1, "one framing");
    let at = end + 4;
    if (codings.length > 0) {
      assert.deepEqual(codings, ["chunked"]);
      for (;;) {
        const line = /^([0-9a-f]+)\r\n/i.exec(rest.slice(at, at + 20));
        if (!line) {
          assert.match(rest.slice(at, at + 20), /^[0-9a-f]{0,8}\r?$/i, "a chunk's size");
          return { heads: [...heads, head], rest: "" };
        }
        const size = parseInt(line[1]!, 16);
        at += line[0].length;
        if (size === 0) {
          const trailers = rest.indexOf("\r\n", at);
          if (trailers < 0) return { heads: [...heads, head], rest: "" };
          assert.equal(trailers, at, "no trailers were sent");
          at += 2;
          break;
        }
        if (rest.length < at + size + 2) return { heads: [...heads, head], rest: "" };
        assert.equal(rest.slice(at + size, at + size + 2), "\r\n", "the end of a chunk");
        at += size + 2;
      }
    } else if (lengths.length > 0) {
      assert.match(lengths[0]!, /^\d+$/);
      at += Number(lengths[0]);
      if (at > rest.length) return { heads: [...heads, head], rest: "" };
    }
    heads.push(head);
    rest = rest.slice(at);
  }
}

const oneOf = (...texts: string[]) => fc.constantFrom(...texts);
const eol = fc.oneof(
  { weight: 60, arbitrary: fc.constant("\r\n") },
  { weight: 1, arbitrary: oneOf("\n", "\r", "\r\r\n", " \r\n", "\r\n ", "\0\r\n") },
);
const requestLine = fc
  .tuple(
    fc.oneof(
      { weight: 8, arbitrary: oneOf("GET", "POST", "PUT", "OPTIONS", "HEAD") },
      oneOf("get", "CONNECT", "PRI", "G\0ET", ""),
    ),
    oneOf(" ", " ", " ", " ", "\t", "  "),
    fc.oneof(
      { weight: 6, arbitrary: oneOf("/", "/a?b=c", `http://${NAME}/x`, "*") },
      oneOf(
        "http://evil.test/",
        `http://${NAME}@evil.test/`,
        `http://evil.test:80\\@${NAME}/`,
        "//evil.test/",
        "evil.test:443",
        "/\r\nHost: evil.test",
        "/#evil",
        "/\x80",
      ),
    ),
    fc.oneof(
      { weight: 12, arbitrary: fc.constant(" HTTP/1.1") },
      oneOf(" HTTP/1.0", " HTTP/2.0", "", " http/1.1", " HTTP/1.1 "),
    ),
  )
  .map((parts) => parts.join(""));
const hostLine = fc.oneof(
  { weight: 12, arbitrary: fc.constant(`Host: ${NAME}`) },
  oneOf(
    "Host: evil.test",
    `Host: ${NAME}:80`,
    `Host:${NAME}`,
    `HOST: ${NAME.toUpperCase()}.`,
    `Host : ${NAME}`,
    `Host: ${NAME}, evil.test`,
    `Host: evil.test@${NAME}`,
    `host:\t${NAME}`,
    "",
  ),
);
const framing = fc.oneof(
  { weight: 3, arbitrary: oneOf("", "Content-Length: 5", "Transfer-Encoding: chunked") },
  oneOf(
    "Content-Length: 05",
    "Content-Length: +5",
    "Content-Length: 5, 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 0x5",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-encoding : chunked",
  ),
);
const extra = oneOf(
  "",
  "X-A: b",
  "Connection: close",
  "Connection: host, x-a",
  "Expect: 100-continue",
  "Upgrade: h2c",
  "X-A: b\r\n folded",
  "X-A: b\nHost: evil.test",
  "X-\xff: y",
  "TE: trailers",
  "Trailer: host",
  "Host: evil.test",
  "Keep-Alive: 5",
  "Proxy-Connection: x",
  ": nameless",
);
const body = oneOf(
  "",
  "hello",
  "5\r\nhello\r\n0\r\n\r\n",
  '5;ext="\r\n"\r\nhello\r\n0\r\n\r\n',
  "05\r\nhello\r\n0\r\nHost: evil.test\r\n\r\n",
  "FFFFFFFFFFFFFFFF1\r\nhello",
  "-1\r\n",
  "5\nhello\n0\n\n",
  "GET /smuggled HTTP/1.1\r\nHost: evil.test\r\n\r\n",
  "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: evil.test\r\n\r\n",
);
const message = fc
  .tuple(requestLine, eol, hostLine, eol, framing, eol, extra, eol, eol, body)
  .map(([line, a, host, b, frame, c, more, d, e, rest]) => {
    const header = (text: string, end: string) => (text === "" ? "" : text + end);
    return line + a + header(host, b) + header(frame, c) + header(more, d) + e + rest;
  });

describe("requests, at random", () => {
  let dir: string;
  let lab: Lab;
  let web: Recorder;
  /** What each connection of the upstream received. */
  let connections: { received: string }[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    web = await upstream((socket: Duplex) => {
      const connection = { received: "" };
      connections.push(connection);
      let answered = 0;
      socket.on("data", (chunk: Buffer) => {
        connection.received += chunk.toString("latin1");
        let complete = answered;
        try {
          const { heads } = readRequests(connection.received);
          complete = heads.length;
        } catch {
          // The property will say so; here the connection is to end.
          return socket.destroy();
        }
        for (; answered < complete; answered++) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      });
      socket.on("end", () => socket.end());
    });
    lab = await Lab.start(await Certificates.make(dir), { hosts: { [NAME]: web.port } });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    await web[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  test("what the upstream receives is well formed, and for its name alone", async () => {
    let passed = 0;
    await property(
      [fc.array(message, { minLength: 1, maxLength: 3 }), fc.array(fc.nat(400), { maxLength: 4 })],
      async (messages, cuts) => {
        connections = [];
        const bytes = Buffer.from(messages.join(""), "latin1");
        const stream = await lab.open(NAME, 80);
        const answer = readAll(stream);
        const timer = setTimeout(() => stream.destroy(), 2_000);
        let at = 0;
        for (const cut of [...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]) {
          if (cut > at && stream.writable) stream.write(bytes.subarray(at, cut));
          at = Math.max(at, cut);
          await new Promise(setImmediate);
        }
        stream.end();
        await answer;
        clearTimeout(timer);
        for (const { received } of connections) {
          // Bytes that no server takes for a request are not one: every server ends the connection at such a line.
          if (!LENIENT.test(received.trimStart().split("\n", 1)[0]!)) continue;
          const { heads, rest } = readRequests(received);
          passed += heads.length;
          for (const head of heads) assert.doesNotMatch(head, /^\S+ [^/]\S*evil|^host:.*evil/im);
          assert.doesNotMatch(rest, /^\S+ [^/]\S*evil/i);
        }
      },
      { runs: 1_000 },
    );
    assert.ok(passed > 5, `${passed} requests passed: too few to say anything`);
  });
});

test("a request's head is refused in words or has one meaning, whatever it holds", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary-ascii", maxLength: 40 }),
    oneOf(NAME, "evil.test", `${NAME}:80`, "5", "chunked", "", " ", "a@b", "[::1]", "127.0.0.1", "0x7f.1"),
  );
  const header = fc.tuple(
    fc.oneof(oneOf("host", "Host", "content-length", "Transfer-Encoding", "connection"), text),
    text,
  );
  const head = fc.record({
    version: oneOf("1.0", "1.1", "2") as fc.Arbitrary<RequestHead["version"]>,
    // CONNECT names an authority, not a path; tunnels read it.
    method: oneOf("GET", "POST", "OPTIONS"),
    target: fc.oneof(oneOf("/", "*", `http://${NAME}/`, "http://evil.test/", `https://${NAME}/`), text),
    scheme: oneOf("http", "https") as fc.Arbitrary<"http" | "https">,
    claimedScheme: oneOf("http", "https", "ftp"),
    authority: fc.oneof(fc.constant(null), text),
    headers: fc.array(header, { maxLength: 5 }) as fc.Arbitrary<Header[]>,
  });
  return property(
    [head],
    (request) => {
      let checked;
      try {
        checked = checkHead(request);
      } catch (error) {
        assert.ok(error instanceof Refusal, String(error));
        return;
      }
      const count = (name: string) => request.headers.filter(([key]) => key.toLowerCase() === name).length;
      assert.ok(count("host") <= 1 && count("content-length") <= 1);
      assert.ok(count("transfer-encoding") === 0 || count("content-length") === 0);
      if (request.version === "1.1") assert.ok(checked.authority);
      assert.match(checked.path, /^(\/|\*$)/);
      assert.doesNotMatch(checked.path, /[\s#\0]/);
    },
    { runs: 3_000 },
  );
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errnoOf } from "@sandkeep/common";
import { type Header, isValid } from "@sandkeep/common/http";
import { fc, property } from "../../../../testing/property.ts";
import { MAX_HEADERS, MAX_INTERIM } from "../../../limits.ts";
import { Refusal } from "../../../refusal.ts";
import type { ResponseHead } from "./head.ts";
import { ResponseParser } from "./parser.ts";

interface Read {
  head: ResponseHead | null;
  body: string;
  trailers: Header[];
  complete: boolean;
  interim: number[];
  /** What followed the answer. */
  rest: string;
}

/** Reads an answer that comes in pieces, and then the end of the connection. */
function read(pieces: readonly string[], { method = "GET", end = true } = {}): Read {
  const result: Read = { head: null, body: "", trailers: [], complete: false, interim: [], rest: "" };
  const parser = new ResponseParser(method, {
    interim: (status) => result.interim.push(status),
    head: (head) => (result.head = head),
    data: (chunk) => (result.body += chunk.toString("latin1")),
    end: (trailers) => Object.assign(result, { trailers, complete: true }),
  });
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, "latin1");
    result.rest += bytes.subarray(parser.push(bytes)).toString("latin1");
  }
  if (end) parser.finish();
  return result;
}

const ok = (text: string) => read([`HTTP/1.1 200 OK\r\n${text}`]);
const header = (text: string) => ok(`${text}\r\nContent-Length: 0\r\n\r\n`).head!.headers.slice(0, -1);

describe("answers are read as clients read them", () => {
  for (const [what, text, headers] of [
    ["a blank before the colon", "X-A : b", [["X-A", "b"]]],
    ["a folded header", "X-A: b\r\n  c\r\n\td", [["X-A", "b c d"]]],
    ["a header that begins with its fold", "X-A:\r\n b", [["X-A", "b"]]],
    ["a fold of nothing", "\tb\r\nX-A: c", [["X-A", "c"]]],
    ["a name with a blank in it, which cannot be passed on", "X A: b\r\n c\r\nX-B: d", [["X-B", "d"]]],
    ["a line without a colon", "nonsense\r\nX-B: d", [["X-B", "d"]]],
    ["a header without a name", ": a\r\nX-B: d", [["X-B", "d"]]],
    [
      "an empty header",
      "X-A:\r\nX-B:  \t",
      [
        ["X-A", ""],
        ["X-B", ""],
      ],
    ],
    ["control characters, as blanks", "X-A: b\0c\x01d\x7f\re", [["X-A", "b c d  e"]]],
    [
      "lines that end with LF alone",
      "X-A: b\nX-B: c",
      [
        ["X-A", "b"],
        ["X-B", "c"],
      ],
    ],
    ["bytes beyond ASCII", "X-A: \x80\xa0\xff", [["X-A", "\x80\xa0\xff"]]],
    [
      "a header twice",
      "Set-Cookie: a=b\r\nset-cookie: c=d",
      [
        ["Set-Cookie", "a=b"],
        ["set-cookie", "c=d"],
      ],
    ],
  ] as const) {
    test(what, () => assert.deepEqual(header(text), headers));
  }

  for (const [line, status, phrase] of [
    ["HTTP/1.1 200 OK", 200, "OK"],
    ["HTTP/1.1 200", 200, ""],
    ["HTTP/1.1 200 ", 200, ""],
    ["HTTP/1.1  200  Fine  by me ", 200, "Fine  by me"],
    ["HTTP/1.0 404 Not\tFound", 404, "Not\tFound"],
    ["http/1.1 999 Request Denied", 999, "Request Denied"],
    ["HTTP/1.1 500 \x01\xe9", 500, "\xe9"],
  ] as const) {
    test(`the status line ${JSON.stringify(line)}`, () => {
      const { head } = read([`${line}\r\n\r\n`]);
      assert.deepEqual([head!.status, head!.statusText], [status, phrase]);
    });
  }

  for (const [what, text, body, rest] of [
    ["a length", "Content-Length: 3\r\n\r\nabc", "abc", ""],
    ["a length with zeros before it", "Content-Length: 0003\r\n\r\nabc", "abc", ""],
    ["the same length twice", "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabcd", "abc", "d"],
    ["the same length in a list", "Content-Length: 3, 03\r\n\r\nabcd", "abc", "d"],
    ["a length with a blank before its colon", "Content-Length : 3\r\n\r\nabcd", "abc", "d"],
    ["a folded length", "Content-Length:\r\n 3\r\n\r\nabcd", "abc", "d"],
    ["no length", "\r\nabc", "abc", ""],
    ["the obsolete coding identity", "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabcd", "abc", "d"],
    ["chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\ne", "abcd", "e"],
    [
      "chunks, said twice",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "abc",
      "",
    ],
    [
      "blanks around the sizes of chunks",
      "Transfer-Encoding: chunked\r\n\r\n  3  \r\nabc\r\n\t1\t;x\r\nd\r\n0  \r\n\r\n",
      "abcd",
      "",
    ],
    ["chunks with extensions", 'Transfer-Encoding: chunked\r\n\r\n3;a="b"\r\nabc\r\n0;c\r\n\r\n', "abc", ""],
    ["chunks whose lines end with LF alone", "Transfer-Encoding: chunked\n\n3\nabc\n0\n\n", "abc", ""],
    ["chunks without the last empty line", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "abc", ""],
    ["sizes with zeros before them", "Transfer-Encoding: chunked\r\n\r\n000003\r\nabc\r\n0000\r\n\r\n", "abc", ""],
    [
      "chunks and a length, of which the chunks count",
      "Transfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "abc",
      "",
    ],
  ] as const) {
    test(`a body with ${what}`, () => {
      const result = ok(text);
      assert.deepEqual([result.body, result.rest, result.complete], [body, rest, true]);
      const lengths = result.head!.headers.filter(([name]) => name.toLowerCase() === "content-length");
      assert.deepEqual(
        lengths,
        result.head!.framing.kind === "length" ? [["Content-Length", String(body.length)]] : [],
      );
    });
  }

  test("trailers", () =>
    assert.deepEqual(ok("Transfer-Encoding: chunked\r\n\r\n0\r\nX-A : b\n c\r\n\r\n").trailers, [["X-A", "b c"]]));

  test("empty lines before an answer", () =>
    assert.equal(read(["\r\n", "\nHTTP/1.1 204 No Content\r\n\r\n"]).head!.status, 204));

  test("answers that have no body, whatever they say", () => {
    for (const status of [204, 304])
      assert.equal(read([`HTTP/1.1 ${status} x\r\nContent-Length: 3\r\n\r\nabc`]).rest, "abc");
    const { head, rest } = read(["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"], { method: "HEAD" });
    assert.deepEqual([rest, head!.headers], ["abc", [["Content-Length", "3"]]]);
  });

  test("interim answers before the answer", () => {
    const { interim, head } = read(["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\nLink: x\n\nHTTP/1.1 200 OK\r\n\r\n"]);
    assert.deepEqual([interim, head!.status], [[100, 103], 200]);
  });

  for (const [text, last] of [
    ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false],
    ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, CLOSE\r\n\r\n", true],
    ["HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", true],
    ["HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false],
    ["HTTP/1.1 200 OK\r\n\r\n", true],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", true],
  ] as const) {
    test(`the connection ${last ? "ends" : "goes on"} after ${JSON.stringify(text)}`, () =>
      assert.equal(read([text]).head!.last, last));
  }
});

describe("answers are refused", () => {
  for (const [what, text, why] of [
    [
      "with two different lengths",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      /two different/,
    ],
    ["with two different lengths in a list", "HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd", /two different/],
    ["with an invalid length", "HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\nabc", /not a number/],
    ["with a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", /not a number/],
    [
      "with a length beyond counting",
      `HTTP/1.1 200 OK\r\nContent-Length: ${"9".repeat(16)}\r\n\r\nabc`,
      /not a number/,
    ],
    ["in another transfer coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", /transfer coding/],
    [
      "in a transfer coding that only looks like chunked",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\xa0\r\n\r\n",
      /transfer coding/,
    ],
    ["with an invalid size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n", /not a number/],
    [
      "with a size beyond counting",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000\r\nabc\r\n",
      /not a number/,
    ],
    ["with an endless size", `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;${"x".repeat(5_000)}`, /too long/],
    [
      "with a chunk that is longer than its size",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
      /longer than its size/,
    ],
    ["without a status line", "<html>", /status line/],
    ["in another version", "HTTP/2 200 OK\r\n\r\n", /status line/],
    ["with an invalid status", "HTTP/1.1 20 OK\r\n\r\n", /status line/],
    ["with headers without end", `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(MAX_HEADERS + 1)}`, /headers/],
    ["with a header without end", `HTTP/1.1 200 OK\r\nA: ${"b".repeat(70_000)}`, /longer than/],
    ["with blanks without end", `HTTP/1.1 200 OK\r\nA: ${" ".repeat(70_000)}`, /longer than/],
    [
      "with trailers without end",
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${"A: b\r\n".repeat(MAX_HEADERS + 2)}`,
      /headers/,
    ],
    ["after interim answers without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_INTERIM + 1), /interim/],
  ] as const) {
    test(what, () =>
      assert.throws(
        () => read([text], { end: false }),
        (error: Error) => error instanceof Refusal && why.test(error.message),
      ),
    );
  }

  for (const text of [
    "",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0",
  ]) {
    test(`as cut off: ${JSON.stringify(text)}`, () => assert.throws(() => read([text]), { code: "ECONNRESET" }));
  }
});

test("chunks that come together go on as one piece: each by itself would take up far more than its bytes", () => {
  const pieces: string[] = [];
  const ignore = () => undefined;
  const parser = new ResponseParser("GET", {
    interim: ignore,
    head: ignore,
    data: (chunk) => pieces.push(chunk.toString()),
    end: (trailers) => pieces.push(`end ${trailers.length}`),
  });
  parser.push(Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(1_000)}`));
  parser.push(Buffer.from("1\r\ny\r\n2\r\nzz\r\n0\r\n\r\n"));
  assert.deepEqual(pieces, ["x".repeat(1_000), "yzz", "end 0"]);
});

test("however an answer is cut into pieces, it is the same answer", () => {
  const part = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom(
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200\n",
        "\r\n",
        "\n",
        " ",
        ":",
        "X-A: b\r\n",
        "X A: b\r\n",
        " fold\r\n",
        "Content-Length: 3\r\n",
        "Content-Length : 3\n",
        "Transfer-Encoding: chunked\r\n",
        "3\r\nabc\r\n",
        "3 ;x\nabc\n",
        "0\r\n\r\n",
        "abc",
        "HTTP/1.1 100 Continue\r\n\r\n",
      ),
    },
    fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 5 }),
  );
  const attempt = (pieces: string[]): unknown => {
    try {
      return read(pieces);
    } catch (error) {
      assert.ok(error instanceof Refusal || errnoOf(error) === "ECONNRESET", String(error));
      return (error as Error).message;
    }
  };
  return property(
    [fc.array(part, { maxLength: 8 }), fc.array(fc.nat(120), { maxLength: 5 })],
    (parts, cuts) => {
      const text = `HTTP/1.1 200 OK\r\n${parts.join("")}`;
      const whole = attempt([text]);
      const at = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
      assert.deepEqual(attempt(at.slice(1).map((to, index) => text.slice(at[index], to))), whole);
      assert.deepEqual(attempt([...text]), whole);
      if (typeof whole === "object")
        for (const header of [...(whole as Read).head!.headers, ...(whole as Read).trailers])
          assert.ok(isValid(header), JSON.stringify(header));
    },
    { runs: 2_000 },
  );
});

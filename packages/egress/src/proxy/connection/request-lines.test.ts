import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc, property } from "../../testing/property.ts";
import { RequestLines } from "./request-lines.ts";

/** Whether some line of it is found, however it is cut; at the end, what is pending counts. */
function finds(text: string, lines = Infinity, cut = text.length): boolean {
  const looker = new RequestLines({ lines });
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += cut) if (looker.push(bytes.subarray(at, at + cut))) return true;
  return looker.pending > 0;
}

const BLANKS = [
  " ",
  "\t",
  "\x0b",
  "\x0c",
  "\x1c",
  "\x1d",
  "\x1e",
  "\x1f",
  "\x85",
  "\xa0",
  "\0",
  "\x7f",
  "\r",
  "\xc2\x85",
  "\xc2\xa0",
  "\xe2\x80\x83",
  "\xe2\x80\xa8",
  "\xe3\x80\x80",
  "\xe1\x9a\x80",
  "\xef\xbb\xbf",
];

describe("a line that a server could read as a request", () => {
  test("is found with any blanks between its words", () => {
    for (const a of BLANKS) {
      for (const b of BLANKS) {
        for (const line of [
          `GET${a}/x${b}HTTP/1.1`,
          `GET${a}x${b}`,
          `get${a}/x${b}http/1.1`,
          `MKCOL${a}/x${b}HTTP/1.1`,
          `${a}POST${b}http://x/`,
          `${a}${b}PURGE /x HTTP/1.0`,
        ]) {
          assert.ok(finds(`${line}\r\n`), JSON.stringify(line));
          assert.ok(finds(`\0not one\r\n${line}\n`, Infinity, 1), JSON.stringify(line));
        }
      }
    }
  });

  for (const text of [
    "a\nGET /x HTTP/1.1\r\n",
    "a\rGET /x\n",
    "\n\n\r\nGET /\n",
    "\xff\xfe\nPROPFIND /x HTTP/1.1\r\n",
    "x y z HTTP/2\n",
    "FOO /x HTTP/1.1",
    "FOO /x HTTP/1.1 \t",
    "\xef\xbb\xbfGET /",
    "a\x85GET /",
    "options * http/1.0\n",
    "PRI * HTTP/2.0\r\n",
    "x\x0bGET y",
    "FOO /x HTTP/\n",
  ]) {
    test(`is found in ${JSON.stringify(text)}`, () => assert.ok(finds(text) && finds(text, Infinity, 1)));
  }

  for (const text of [
    "SSH-2.0-OpenSSH_9.9\r\n",
    "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n",
    "get key\r\n",
    "get http\r\n",
    "HELO GET\r\n",
    "200 HTTP/1.1 is a protocol\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1\r\n",
    '10.0.0.1 - - "GET / HTTP/1.1" 200 5\n',
    '{"line":"GET / HTTP/1.1"}\n',
    "GETTING /\n",
    "the GET / of HTTP/1.1 is\n",
    "a HTTP/1.1;q=1\n",
    "\0\0\0\x08\x04\xd2\x16/",
    "AMQP\0\0\x09\x01",
    "USER me\r\nPASS GET\r\n",
    "",
    "GET",
    "GET\r\n",
  ]) {
    test(`is not found in ${JSON.stringify(text)}`, () => assert.ok(!finds(text) && !finds(text, Infinity, 1)));
  }

  test("is looked for in so many lines, empty ones left out", () => {
    assert.ok(!finds("one\nGET /\n", 1));
    assert.ok(finds("\r\n \n\nGET /\n", 1));
    assert.ok(finds("one\rGET /\n", 1), "some take a carriage return for the end of a line, and others do not");
    assert.ok(!finds("one\ntwo\nGET /\n", 2));
  });

  test("is found, or not, however the bytes come", () => {
    const piece = fc.constantFrom(
      "GET",
      "get",
      "FOO",
      "/x",
      " ",
      "\n",
      "\r",
      "\r\n",
      "\x0b",
      "\xa0",
      "HTTP/1.1",
      "http/",
      "H",
      "\0",
      "a",
      "*",
      "http:",
      "\xe2\x80\xa8",
    );
    return property([fc.array(piece, { maxLength: 12 }), fc.integer({ min: 1, max: 5 })], (pieces, cut) => {
      const text = pieces.join("");
      assert.equal(finds(text, Infinity, cut), finds(text));
    });
  });

  test("is found wherever a reader like Python's finds one: words at blanks, lines at line feeds", () => {
    const piece = fc.constantFrom(
      "GET",
      "PUT",
      "FOO",
      "/x",
      " ",
      "\n",
      "\r\n",
      "\x0b",
      "\x1f",
      "\x85",
      "\xa0",
      "HTTP/1.1",
      "HTTP/1.0",
      "a",
    );
    return property(
      [fc.array(piece, { maxLength: 14 })],
      (pieces) => {
        const text = pieces.join("");
        const reads = text.split("\n").some((line) => {
          const words = line.split(/[\s\x1c-\x1f\x85\xa0]+/).filter(Boolean);
          return (words.length === 3 && /^HTTP\/\d\.\d$/.test(words[2]!)) || (words.length === 2 && words[0] === "GET");
        });
        if (reads) assert.ok(finds(text), JSON.stringify(text));
      },
      { runs: 5_000 },
    );
  });

  test("never has its end passed on before it is found", () => {
    const looker = new RequestLines({ lines: Infinity });
    assert.ok(!looker.push(Buffer.from("PROPFIND /x HTTP/1.1  ")));
    assert.equal(looker.pending, "/1.1  ".length);
    assert.ok(!looker.push(Buffer.from("x")));
    assert.equal(looker.pending, 0);
  });
});

/** Class 12: requests and responses that can be read in two ways. */
import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { Sandbox } from "sandkeep";
import { Arena } from "./fixture/arena.ts";
import type { Attacker, Outcomes } from "./fixture/attacker.ts";
import { headEnd, requestsIn } from "./fixture/strict-reader.ts";

const API = "api.test.example";
const EVIL = "evil.test.example";
/** Invalid by RFC 9112, so refused, whatever a lenient reader makes of it. */
const REFUSED = [
  "cl_te",
  "te_cl",
  "two_cl",
  "cl_list",
  "cl_plus",
  "cl_hex",
  "cl_negative",
  "cl_space",
  "cl_huge",
  "te_two",
  "te_not_last",
  "te_tab",
  "te_misspelt",
  "te_quoted",
  "bare_cr",
  "bare_cr_in_value",
  "nul_in_value",
  "header_without_colon",
  "header_without_name",
  "space_in_target",
  "version_odd",
  "method_odd",
  "many_headers",
  "long_header",
  "long_target",
];
const ANSWERS: Record<string, string> = {
  "/answer_cl_te": "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "/answer_two_cl": "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\nhello",
  "/answer_1xx_flood": `${"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n".repeat(5_000)}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`,
  "/answer_split": "HTTP/1.1 200 OK\r\nx-a: 1\nx-injected: 1\r\ncontent-length: 0\r\n\r\n",
  "/answer_early": "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison",
  "/answer_endless_headers": `HTTP/1.1 200 OK\r\n${"x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(20_000)}\r\n`,
  "/answer_bad_chunk": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
};

let arena: Arena;
let attacker: Attacker;
let outcomes: Outcomes;
before(async () => {
  arena = await Arena.open({ upstreams: { [API]: { raw: answerRaw, alpn: ["http/1.1"] }, [EVIL]: {} } });
  attacker = await arena.attacker({ allowNet: [API], secrets: { API_KEY: { hosts: [API], value: arena.value } } });
  outcomes = await attacker.run("smuggling.py");
});
after(() => arena?.[Symbol.asyncDispose]());

/** A lenient upstream: it answers each head that ends with an empty line. */
function answerRaw(stream: Duplex): void {
  let seen = "";
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => {
    seen += chunk.toString("latin1");
    for (let end = headEnd(seen); end >= 0; end = headEnd(seen)) {
      const [, path = ""] = /^\S+ (\S+)/.exec(seen) ?? [];
      if (/^[A-Z]+ \S+ HTTP/.test(seen))
        stream.write(ANSWERS[path] ?? "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n");
      seen = seen.slice(end);
    }
  });
}

describe("is not a request:", () => {
  for (const name of REFUSED) {
    test(name, () => {
      const { statuses = [], error } = outcomes[name] as { statuses?: number[]; error?: string };
      assert.ok(error || statuses.every((status) => status >= 400), JSON.stringify(outcomes[name]).slice(0, 500));
    });
  }
});

test("what arrives reads in one way only", () => {
  for (const { text } of arena.upstream(API).connections) {
    for (const request of requestsIn(text)) {
      assert.deepEqual(request.faults, [], text.slice(0, 2_000));
      assert.ok(!request.target.includes("smuggled"), text.slice(0, 2_000));
      assert.deepEqual(request.hosts, [API]);
    }
  }
});

test("nothing of what was refused arrived, and nothing that was hidden", () => {
  const arrived = new Set([...arena.upstream(API).text.matchAll(/x-attempt: (\w+)/gi)].map(([, name]) => name!));
  assert.deepEqual(
    REFUSED.filter((name) => arrived.has(name)),
    [],
  );
  assert.deepEqual(arena.upstream(EVIL).connections, []);
});

test("no header can be added with what stands in a query or a trailer", () => {
  const { text } = arena.upstream(API);
  assert.ok(!/^x-injected/im.test(text));
  assert.ok(
    !/0\r\n(?:[^\r]+\r\n)*(host|authorization|content-length|transfer-encoding):/i.test(text),
    "trailers are not headers",
  );
});

test("a request on a kept connection is not answered with a former one's second answer", () => {
  assert.ok(!String(outcomes.answer_early?.received).includes("poison"), JSON.stringify(outcomes.answer_early));
});

test("upstreams' answers that read in two ways are refused, or written anew with the meaning that clients give them", () => {
  for (const name of ["answer_cl_te", "answer_two_cl", "answer_split", "answer_endless_headers", "answer_1xx_flood"]) {
    const received = String(outcomes[name]?.received ?? "");
    assert.match(received, /^HTTP\/1\.1 (502|200)/, `${name}: ${received.slice(0, 300)}`);
    assert.ok(received.length < 600_000, name);
    assert.ok(!/[^\r]\n|\r(?!\n)/.test(received.slice(0, headEnd(received))), `${name}: every line ends with CRLF`);
    if (received.startsWith("HTTP/1.1 200"))
      assert.ok(
        !/content-length[^]*transfer-encoding|content-length[^]*content-length/i.test(
          received.slice(0, headEnd(received)),
        ),
        name,
      );
  }
});

test("after all that the next request works", () => {
  assert.equal(outcomes.afterwards?.status, 200, JSON.stringify(outcomes.afterwards));
});

test("a secret's value with a line break is refused at creation, without showing it", async () => {
  for (const value of ["a-secret-value\r\nHost: evil.test.example", "a-secret-value\nx", "a-secret-value\0"]) {
    await assert.rejects(
      () => Sandbox.create({ secrets: { KEY: { hosts: [API], value } } }),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "INVALID_CONFIG");
        assert.ok(!error.message.includes("a-secret-value"), error.message);
        return true;
      },
    );
  }
});

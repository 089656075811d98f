/** Arbitrary requests without a token: every answer is a refusal with a reason, or none; never a server error. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { Fixture } from "../testing/fixture.ts";
import { ACCESS } from "./scopes.ts";

/** The same on every run, so that failures can be reproduced. */
const SEED = Number(process.env.SANDKEEP_SEED ?? 13);
const RUNS = 600;
/** Requests at a time, each on its own connection. */
const AT_ONCE = 20;

const WEBSOCKET = [
  "connection: Upgrade",
  "upgrade: websocket",
  "sec-websocket-version: 13",
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
];
/** Targets that some parsers read as something other than a path. */
const ODD_TARGETS = [
  "http://",
  "http:///",
  "https://",
  "//",
  "///",
  "*",
  "?",
  "#",
  "http://[",
  "http://[::1",
  "http://a:b@c:99999/",
  "ws://",
  "http://%",
  "/%",
  "/%ff",
  "/%00",
  "/..",
  "\\",
  "x",
  ":",
  "http:",
  "/api/v3/sandbox/%2f/connect",
  "/api/v3/sandbox//connect",
  "http://x/api/v3/sandboxes/create",
  "/api/v3/sandboxes/create#x",
];
const ODD_HOSTS = ["", "x", "a b", "[", "[::1", "x:y", "x:99999999", "x,y", "x/y", "\\", "%", "\xff", "http://x"];

const text = (unit: fc.Arbitrary<string>, maxLength: number) => fc.string({ unit, maxLength });
/** Bytes that Node's parser accepts in a target. */
const targetText = text(
  fc
    .integer({ min: 0x21, max: 0xff })
    .filter((byte) => byte !== 0x7f)
    .map((byte) => String.fromCharCode(byte)),
  40,
);
const valueText = text(
  fc
    .integer({ min: 0x20, max: 0xff })
    .filter((byte) => byte !== 0x7f)
    .map((byte) => String.fromCharCode(byte)),
  60,
);

const route = fc.constantFrom(...Object.keys(ACCESS)).chain((entry) => {
  const [method = "", name = ""] = entry.split(" ");
  const path = method === "TRPC" ? `/api/${name}` : name;
  const filled = fc
    .array(targetText, { minLength: 4, maxLength: 4 })
    .map((texts) => path.replaceAll(/:\w+(\{.*\})?|\*/g, () => texts.pop() ?? "x"));
  return fc.tuple(
    method === "ALL" || method === "TRPC" ? fc.constantFrom("GET", "POST", "DELETE") : fc.constant(method),
    filled,
  );
});
const target = fc.oneof(
  { weight: 3, arbitrary: route },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constantFrom("GET", "POST", "HEAD", "OPTIONS", "PUT", "PROPFIND"),
      fc.oneof(
        fc.constantFrom(...ODD_TARGETS),
        targetText.filter((made) => made !== ""),
      ),
    ),
  },
);
const query = fc.oneof(
  fc.constant(""),
  targetText.map((made) => `?${made}`),
  fc.constantFrom("?labels[", "?labels[a]=b", "?cursor=http://", "?batch=1&input=%", "?batch=1&input={}", "?limit=-1"),
);
const header = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      "x-deno-org",
      "x-deno-sandbox-config",
      "cookie",
      "origin",
      "content-type",
      "accept",
      "expect",
      "range",
      "last-event-id",
      "trpc-accept",
      "te",
      "sec-websocket-protocol",
      "sec-websocket-extensions",
      "if-none-match",
    ),
    valueText,
  ),
  fc.tuple(
    fc.constant("authorization"),
    fc.oneof(
      valueText,
      valueText.map((made) => `Bearer ${made}`),
      fc.constantFrom("Bearer", "Bearer ", "bearer ddo_", `Bearer ${"x".repeat(10_000)}`),
    ),
  ),
  fc.tuple(
    fc.constant("cookie"),
    valueText.map((made) => `token=${made}; deno_auth_ghid=force`),
  ),
);
const body = fc.oneof(fc.constant(""), valueText, fc.json());

const request = fc
  .record({
    target,
    query,
    body,
    host: fc.oneof({ weight: 3, arbitrary: fc.constant("x") }, fc.constantFrom(...ODD_HOSTS), valueText),
    headers: fc.array(header, { maxLength: 4 }),
    upgrade: fc.oneof(fc.constant(WEBSOCKET), fc.subarray(WEBSOCKET), fc.constant([])),
  })
  .map(({ target: [method, path], query, host, headers, upgrade, body }) =>
    [
      `${method} ${path}${query} HTTP/1.1`,
      `host: ${host}`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
      ...upgrade,
      ...(body === "" ? [] : [`content-length: ${Buffer.byteLength(body, "latin1")}`]),
      "",
      body,
    ].join("\r\n"),
  );

describe("requests without a token", async () => {
  let fixture: Fixture;
  before(async () => (fixture = await Fixture.start()));
  after(() => fixture[Symbol.asyncDispose]());

  /** Everything received; the client's half is closed, so that the server need not wait for another request. */
  async function answerTo(bytes: string): Promise<string> {
    const socket = connect(fixture.server.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.end(bytes, "latin1");
    await once(socket, "close");
    return answer;
  }

  test("never are a fault of the server, whatever they are", async () => {
    const property = fc.asyncProperty(
      fc.array(request, { minLength: AT_ONCE, maxLength: AT_ONCE }),
      async (requests) => {
        const answers = await Promise.all(requests.map(answerTo));
        for (const [at, answer] of answers.entries()) {
          for (const [, status] of answer.matchAll(/^HTTP\/1\.[01] (\d{3})/gm))
            assert.ok(Number(status) < 500, `${JSON.stringify(requests[at])}\n${answer}`);
        }
      },
    );
    await fc.assert(property, { seed: SEED, numRuns: RUNS / AT_ONCE });
    assert.deepEqual(
      fixture.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 50),
      [],
    );
    assert.deepEqual(await (await fixture.request("GET", "/api/v1/health", { token: null })).json(), { status: "ok" });
    assert.equal(fixture.host.specs.length, 0);
  });

  test("with a target that is no path are refused with a reason, with an upgrade or without", async () => {
    for (const odd of ODD_TARGETS) {
      for (const upgrade of [WEBSOCKET, []]) {
        const answer = await answerTo(
          [`GET ${odd} HTTP/1.1`, "host: x", "connection: close", ...upgrade, "", ""].join("\r\n"),
        );
        assert.match(
          answer,
          /^HTTP\/1\.1 (400|401|404) [^]*x-deno-trace-id: [0-9a-f]{32}\r\n[^]*"code":"(INVALID_REQUEST|NOT_AUTHENTICATED|NOT_FOUND)"/i,
          odd,
        );
      }
    }
  });
});

/** Class 3: names, and what looks like one. The same parser decides and connects. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Sandbox } from "sandkeep";
import { Arena } from "./fixture/arena.ts";
import { isDenied, isRefused, type Outcomes } from "./fixture/attacker.ts";

const ALLOWED = ["api.test.example", "a.wild.test.example", "a.b.wild.test.example", "port.test.example"];
const DENIED = [
  "notapi.test.example",
  "api.test.example.evil.test.example",
  "wild.test.example",
  "notwild.test.example",
  "evil.test.example",
  "localhost",
  "api",
];
/** Other spellings of allowed names. */
const SAME = [
  "exact",
  "upper_case",
  "trailing_dot",
  "under_wildcard",
  "deep_under_wildcard",
  "listed_port",
  "host_upper",
  "host_dot",
  "host_port",
  "asked_upper",
];
/** Names in DNS wire format whose canonical form is the host's: they may be refused, or treated as the host. */
const MAY_BE_SAME = ["asked_dot_in_label", "asked_fullwidth"];
const REFUSED_AT_CREATION = [
  "",
  " ",
  "*",
  "*.",
  "http://api.test.example",
  "api.test.example/path",
  "user@api.test.example",
  "api.test.example:0",
  "api.test.example:65536",
  "api.test.example:x",
  "a..example",
  ".example",
  "*.*.example",
  "a*.example",
  "2130706433",
  "0x7f.0.0.1",
  "0177.0.0.1",
  "127.1",
  "[::1",
  "::1]:80",
  "10.0.0.0/33",
  "fe80::1%eth0",
  "a\0.example",
  "a b.example",
  `${"a".repeat(64)}.example`,
];

let arena: Arena;
let outcomes: Outcomes;
before(async () => {
  arena = await Arena.open({ upstreams: Object.fromEntries([...ALLOWED, ...DENIED].map((name) => [name, {}])) });
  const attacker = await arena.attacker({
    allowNet: ["api.test.example", "*.wild.test.example", "port.test.example:8443"],
  });
  outcomes = await attacker.run("names.py");
});
after(() => arena?.[Symbol.asyncDispose]());

describe("is the same host as is allowed:", () => {
  for (const name of SAME) test(name, () => assert.equal(outcomes[name]?.status, 200, JSON.stringify(outcomes[name])));
});

describe("is another host, and 403 says so:", () => {
  for (const name of ["prefixed", "suffixed", "apex_of_wildcard", "not_under_wildcard", "other_port"])
    test(name, () => isDenied(outcomes[name]));
});

test("nothing else gets anywhere", () => {
  for (const [name, outcome] of Object.entries(outcomes))
    if (![...SAME, ...MAY_BE_SAME].includes(name)) assert.doesNotThrow(() => isRefused(outcome), name);
});

test("only the same host's requests arrived, whatever their spelling", () => {
  const arrived = [...arena.sent.matchAll(/x-attempt: (\w+)/gi)].map(([, name]) => name!);
  assert.deepEqual(
    arrived.filter((name) => ![...SAME, ...MAY_BE_SAME].includes(name)),
    [],
  );
  for (const name of DENIED) assert.equal(arena.upstream(name).text, "", name);
});

test("upstreams are asked for one canonical form", () => {
  for (const name of ALLOWED) {
    for (const { text, tls } of arena.upstream(name).connections) {
      assert.ok(tls === null || tls.sni === name, String(tls?.sni));
      for (const [, host] of text.matchAll(/^host: (.*)\r$/gim))
        assert.ok([name, `${name}:8443`].includes(host!), host);
    }
  }
});

describe("an invalid pattern is refused at creation, by name:", () => {
  for (const pattern of REFUSED_AT_CREATION) {
    test(JSON.stringify(pattern), async () => {
      await assert.rejects(
        () => Sandbox.create({ allowNet: ["fine.example", pattern] }),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, "INVALID_CONFIG", error.message);
          assert.ok(error.message.includes("allow"), error.message);
          return true;
        },
      );
    });
  }
});

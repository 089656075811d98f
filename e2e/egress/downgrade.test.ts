/** Class 9: anything less than verified TLS between the proxy and an approved host. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Arena, type ArenaUpstream } from "./fixture/arena.ts";
import { type Attacker, isRefused, type Outcomes } from "./fixture/attacker.ts";
import { TestAuthority } from "./fixture/authority.ts";

const API = "api.test.example";
const WEAK = "ALL:@SECLEVEL=0";

let arena: Arena;
let attacker: Attacker;
let outcomes: Outcomes;
let bad: Record<string, ArenaUpstream>;
before(async () => {
  await using unknown = await TestAuthority.create("Nobody trusts this");
  bad = {
    "expired.test.example": { faults: { expired: true } },
    "self-signed.test.example": { faults: { selfSigned: true } },
    "unknown-authority.test.example": { certificate: await unknown.issue(["unknown-authority.test.example"]) },
    "wrong-name.test.example": { certified: ["other.test.example"] },
    "wildcard-too-deep.bad.test.example": { certified: ["*.test.example"] },
    "old-tls.test.example": { tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: WEAK } },
    "no-tls.test.example": { tls: false, raw: (stream) => stream.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") },
  };
  arena = await Arena.open({ upstreams: { [API]: {}, ...bad } });
  const hosts = [API, ...Object.keys(bad)];
  attacker = await arena.attacker({ allowNet: hosts, secrets: { API_KEY: { hosts, value: arena.value } } });
  outcomes = await attacker.run("downgrade.py", JSON.stringify(Object.keys(bad)));
});
after(() => arena?.[Symbol.asyncDispose]());

test("over verified TLS the value is put in", () => {
  assert.equal(outcomes.good?.status, 200, JSON.stringify(outcomes.good));
  assert.ok(arena.upstream(API).text.includes(arena.value));
});

describe("fails closed and sends nothing:", () => {
  for (const name of ["expired", "self-signed", "unknown-authority", "wrong-name", "old-tls"]
    .map((label) => `${label}.test.example`)
    .concat("wildcard-too-deep.bad.test.example")) {
    test(name, async () => {
      isRefused(outcomes[name]);
      assert.equal(arena.upstream(name).text, "");
      const events = await arena.events(attacker.id);
      assert.ok(
        events.some(({ data }) => data.host === name && data.verdict === "failed" && data.reason),
        JSON.stringify(events.filter(({ data }) => data.host === name)),
      );
    });
  }
});

test("an upstream without TLS sees no request", () => {
  isRefused(outcomes["no-tls.test.example"]);
  assert.ok(!arena.upstream("no-tls.test.example").text.includes("HTTP/1"));
});

test("no connection without TLS has the value, whatever it says of itself", () => {
  for (const { text, tls } of arena.upstream(API).connections)
    if (tls === null) assert.ok(!text.includes(arena.value), text);
  for (const name of Object.keys(bad)) assert.ok(!arena.upstream(name).text.includes(arena.value), name);
});

test("over plain HTTP the placeholder stays one, or nothing is sent, and that is on record", async () => {
  const events = (await arena.events(attacker.id)).filter(({ data }) => data.scheme === "http" && data.host === API);
  assert.ok(
    events.some(({ data }) => (data.placeholders as string[]).includes("API_KEY")),
    JSON.stringify(events.slice(0, 3)),
  );
  assert.ok(events.every(({ data }) => (data.secrets as string[]).length === 0));
});

test("HTTP/2 without TLS and TLS before 1.2 are not spoken", () => {
  for (const name of ["tls1_0", "tls1_1"]) isRefused(outcomes[name]);
  assert.ok(!arena.upstream(API).connections.some(({ text, tls }) => tls === null && text.startsWith("PRI")));
});

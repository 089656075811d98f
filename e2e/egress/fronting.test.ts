/** Classes 1 and 2: a host behind another's name, an address behind another's name. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Arena } from "./fixture/arena.ts";
import { isDenied, isRefused, type Outcomes } from "./fixture/attacker.ts";

const EVIL = "evil.test.example";
/** Attempts whose request is exactly what it claims to be. */
const HONEST = [
  "honest",
  "kept_alive_first",
  "pipelined_first",
  "http10_without_host",
  "literal_address_allowed_names",
];
const ODD_NAMES = [
  "address",
  "loopback",
  "v6",
  "nul",
  "nul_reverse",
  "space",
  "empty",
  "long",
  "slash",
  "latin",
  "user",
];

let arena: Arena;
let outcomes: Outcomes;
let events: Awaited<ReturnType<Arena["events"]>>;
before(async () => {
  arena = await Arena.open({ upstreams: { "api.test.example": {}, [EVIL]: {} } });
  const attacker = await arena.attacker({ allowNet: ["api.test.example"] });
  outcomes = await attacker.run("fronting.py");
  events = await arena.events(attacker.id);
});
after(() => arena?.[Symbol.asyncDispose]());

test("an honest request gets through", () => {
  assert.equal(outcomes.honest?.status, 200, JSON.stringify(outcomes.honest));
});

describe("403 is the answer to", () => {
  for (const name of [
    "other_host",
    "denied_address_allowed_names",
    "denied_address_no_sni",
    "no_sni_other_host",
    "plain_other_host",
    "plain_denied_address",
    "other_host_when_kept_alive",
    "other_host_when_pipelined",
    "connect_to_denied",
    "connect_to_denied_with_allowed_names",
    "connect_to_allowed_with_denied_host",
  ]) {
    test(name, () => isDenied(outcomes[name], /evil\.test\.example/));
  }
});

describe("nothing comes of", () => {
  for (const name of [
    "other_sni",
    "both_other",
    "absolute_form",
    "absolute_form_plain",
    "absolute_form_with_user",
    "two_hosts",
    "two_hosts_reverse",
    "two_hosts_the_same_case",
    "host_with_a_space_before_the_colon",
    "two_hosts_in_one_header",
    "no_host",
    "empty_host",
    "connect_to_allowed_with_denied_sni",
    "connect_within_tls",
  ]) {
    test(name, () => isRefused(outcomes[name]));
  }
});

test("an SNI that is no name is refused, and on record", () => {
  for (const name of ODD_NAMES)
    assert.ok(
      outcomes[`odd_sni_${name}`]?.error ||
        outcomes[`odd_sni_${name}`]?.ended ||
        outcomes[`odd_sni_${name}`]?.handshake,
      name,
    );
  const refused = events.filter(
    ({ data }) =>
      data.verdict === "denied" && /server name/.test(String(data.reason)) && !String(data.reason).includes(EVIL),
  );
  assert.ok(refused.length >= ODD_NAMES.length, JSON.stringify(refused));
});

test("another's address under an allowed name leads to where the name leads", () => {
  assert.equal(outcomes.literal_address_allowed_names?.status, 200);
  assert.ok(events.some(({ data }) => data.path === "/literal_address_allowed_names" && data.address === "127.0.0.1"));
});

test("a first request goes on being answered when a later one is refused", () => {
  assert.equal(outcomes.other_host_when_kept_alive?.first, 200);
  assert.equal(outcomes.other_host_when_pipelined?.first, 200);
});

test("no byte reached the host that is not allowed", () => {
  assert.deepEqual(
    arena.upstream(EVIL).connections.map(({ text }) => text),
    [],
  );
});

test("only honest requests reached the host that is allowed, and none names another", () => {
  const { text } = arena.upstream("api.test.example");
  const arrived = [...text.matchAll(/x-attempt: (\w+)/gi)].map(([, name]) => name);
  assert.deepEqual(
    [...new Set(arrived)].filter((name) => !HONEST.includes(name!)),
    [],
  );
  assert.ok(!text.includes(EVIL), text);
});

test("every upstream connection asked for the name that was dialled", () => {
  for (const { tls } of arena.upstream("api.test.example").connections)
    assert.ok(tls === null || tls.sni === "api.test.example");
});

test("no name was looked up outside", () => {
  assert.deepEqual(arena.names.questions, []);
});

test("what was denied is on record with its reason", () => {
  const denied = events.filter(({ data }) => data.verdict === "denied" && String(data.reason).includes(EVIL));
  assert.ok(denied.length >= 10, JSON.stringify(events.map(({ data }) => data)));
});

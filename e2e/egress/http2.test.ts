/** Class 10: HTTP/2. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { residentMiB } from "../harness/machines.ts";
import { Arena } from "./fixture/arena.ts";
import { type Attacker, isDenied, isRefused, type Outcomes } from "./fixture/attacker.ts";

const API = "api.test.example";
const EVIL = "evil.test.example";
/** How much all attacks together may cost the proxy, in MiB. */
const MEMORY_MIB = 100;
/** Requests with an invalid header; the proxy may forward them without it. */
const CLEANED = ["line_break_in_value", "line_break_in_name", "nul_in_value"];
const HONEST = ["honest", "coalesced_first", "secret_in_headers", "secret_to_other", "grpc", "after_all"];

let arena: Arena;
let attacker: Attacker;
let outcomes: Outcomes;
let grown: number;
before(async () => {
  arena = await Arena.open({
    egress: { processes: 1 },
    upstreams: { [API]: {}, "allowed.test.example": {}, [EVIL]: {} },
  });
  attacker = await arena.attacker({
    allowNet: [API, "allowed.test.example"],
    secrets: { API_KEY: { hosts: [API], value: arena.value } },
  });
  const before = residentMiB(arena.proxyPid);
  outcomes = await attacker.run("http2.cjs");
  grown = residentMiB(arena.proxyPid) - before;
});
after(() => arena?.[Symbol.asyncDispose]());

test("honest requests work, gRPC among them, before and after all attacks", () => {
  for (const name of ["honest", "secret_in_headers", "grpc", "after_all"])
    assert.equal(outcomes[name]?.status, 200, `${name} ${JSON.stringify(outcomes[name])}`);
  assert.ok(arena.upstream(API).text.includes(`Bearer ${arena.value}`));
});

describe("403 is the answer to", () => {
  for (const name of ["other_authority", "denied_connection"]) test(name, () => isDenied(outcomes[name]));
});

describe("nothing comes of", () => {
  for (const name of [
    "other_sni",
    "other_host_header",
    "only_host_header",
    "authority_with_user",
    "authority_with_port",
    "scheme_other",
    "path_absolute",
    "path_relative",
    "path_with_space",
    "connect_to_denied",
  ]) {
    test(name, () => isRefused(outcomes[name]));
  }
  test("another name on a connection that was made for one", () => {
    const { first, second, third } = outcomes.two_names_on_one_connection as {
      first: number;
      second: number;
      third: number;
    };
    assert.equal(first, 200);
    // 421 would request a separate connection (RFC 9113 §9.1.2).
    assert.ok(
      [403, 421].includes(second) && [403, 421].includes(third),
      JSON.stringify(outcomes.two_names_on_one_connection),
    );
  });
});

describe("is cut off:", () => {
  for (const name of [
    "rapid_reset",
    "continuation_flood",
    "empty_continuations",
    "huge_frame",
    "data_without_headers",
    "window_overflow",
  ]) {
    test(name, () => {
      const { ended, goaway } = outcomes[name] as { ended?: string; goaway?: boolean };
      assert.ok(
        goaway || (ended !== "all sent" && ended !== "timeout" && ended !== undefined),
        JSON.stringify(outcomes[name]),
      );
    });
  }
});

test("floods cost bounded memory", () => {
  assert.ok(grown < MEMORY_MIB, `${grown} MiB`);
});

test("only honest requests arrived", () => {
  const arrived = new Set([...arena.sent.matchAll(/x-attempt: (\w+)/gi)].map(([, name]) => name!));
  assert.deepEqual(
    [...arrived].filter((name) => ![...HONEST, ...CLEANED].includes(name)),
    [],
  );
  assert.ok(!/^x-a/im.test(arena.sent.replaceAll(/^x-attempt/gim, "")), "what is no header is dropped");
  assert.deepEqual(arena.upstream(EVIL).connections, []);
  assert.ok(!arena.sent.includes(EVIL), "no header names the other host");
});

test("a placeholder to another host stays one in headers, query, body and trailers", () => {
  const { text } = arena.upstream("allowed.test.example");
  assert.ok(!text.includes(arena.value));
});

test("what was denied is on record", async () => {
  const events = await arena.events(attacker.id);
  assert.ok(
    events.some(({ data }) => data.host === EVIL && data.verdict === "denied" && data.protocol === "h2"),
    JSON.stringify(events.map(({ data }) => data).slice(0, 10)),
  );
  assert.ok(!JSON.stringify(events).includes(arena.value));
});

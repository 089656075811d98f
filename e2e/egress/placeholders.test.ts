/** Class 7: a placeholder where its secret must not go. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Arena } from "./fixture/arena.ts";
import type { Attacker, Outcomes } from "./fixture/attacker.ts";
import { formsOf } from "./fixture/hunt.ts";

const API = "api.test.example";
const OTHER = "other.test.example";
/** Where a value is inserted, at an approved host. */
const PUT_IN = ["bearer", "basic", "cookie", "query", "any_header", "two_in_a_header", "in_records", "h2"];
const PUT_IN_BODY = ["body_in", "body_in_gzip", "body_in_chunks"];
const NOT_PUT_IN = [
  "path",
  "path_encoded",
  "body",
  "body_json",
  "body_form",
  "body_base64",
  "body_gzip",
  "body_deflate",
  "chunks",
];

let arena: Arena;
let attacker: Attacker;
let outcomes: Outcomes;
let bodyValue: string;
before(async () => {
  arena = await Arena.open({
    upstreams: { [API]: {}, [OTHER]: {}, "raw.test.example": { raw: (stream) => stream.end("taken\n") } },
  });
  bodyValue = `${arena.value}-for-bodies`;
  attacker = await arena.attacker({
    allowNet: [API, OTHER, "raw.test.example:7000"],
    secrets: {
      API_KEY: { hosts: [API], value: arena.value },
      BODY_KEY: { hosts: [API], value: bodyValue, in: ["body"], placeholder: "sk-ant-..." } as never,
    },
  });
  outcomes = await attacker.run("placeholders.py");
});
after(() => arena?.[Symbol.asyncDispose]());

const requestsOf = (host: string, attempt: string) =>
  arena.upstream(host).connections.filter(({ text }) => new RegExp(`x-attempt: ${attempt}\\r`, "i").test(text));
const hasValue = (bytes: Buffer, value: string) => formsOf(value).some((form) => bytes.includes(form));

describe("at the approved host the value is put in", () => {
  for (const name of PUT_IN) {
    test(`in ${name}`, () => {
      assert.equal(outcomes[`api_${name}`]?.status, 200, JSON.stringify(outcomes[`api_${name}`]));
      const [connection] = requestsOf(API, name);
      assert.ok(connection && hasValue(Buffer.from(connection.text, "latin1"), arena.value), connection?.text);
    });
  }
  for (const name of PUT_IN_BODY)
    test(`in ${name}`, () =>
      assert.equal(outcomes[`api_${name}`]?.status, 200, JSON.stringify(outcomes[`api_${name}`])));
});

test("a secret for bodies is put into bodies", () => {
  for (const name of ["body_in", "body_in_chunks"])
    assert.ok(
      requestsOf(API, name).some(({ text }) => text.replaceAll(/\r\n[0-9a-f]+\r\n/g, "").includes(bodyValue)),
      name,
    );
});

describe("even at the approved host it is not put in", () => {
  for (const name of NOT_PUT_IN) {
    test(`in ${name}`, () => {
      for (const { text } of requestsOf(API, name))
        assert.ok(!hasValue(Buffer.from(text, "latin1"), arena.value), text);
    });
  }
  test("over plain HTTP", () => {
    for (const { text, tls } of arena.upstream(API).connections)
      if (tls === null) assert.ok(!hasValue(Buffer.from(text, "latin1"), arena.value), text);
  });
  test("for what is not quite the placeholder", () => {
    for (const { text } of requestsOf(API, "(odd|halves)")) {
      // A placeholder within other text is still one.
      assert.ok(
        !hasValue(Buffer.from(text, "latin1"), arena.value) || /x-odd: (x?sk-live|sk-live\w+0\r)/i.test(text),
        text,
      );
    }
  });
});

test("another host never sees a value, in whatever place and dress", () => {
  for (const host of [OTHER, "raw.test.example"]) {
    for (const { text, bytes } of arena.upstream(host).connections) {
      for (const value of [arena.value, bodyValue])
        assert.ok(!hasValue(Buffer.from(text, "latin1"), value) && !hasValue(bytes, value), text);
    }
  }
});

test("the guest's environment has placeholders that cannot be guessed", () => {
  const { keys } = outcomes.environment as { keys: Record<string, string> };
  const { BODY_KEY: formed, ...usual } = keys;
  assert.match(formed!, /^sk-ant-[0-9A-Za-z]{43}$/, "of the form that was asked for");
  for (const key of Object.values(usual)) assert.match(key, /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/);
  assert.equal(new Set(Object.values(keys)).size, 2);
});

test("events name the secrets that were put in, and those whose placeholder went elsewhere, and hold no value", async () => {
  const events = await arena.events(attacker.id);
  const http = events.filter(({ kind }) => kind.includes("http")).map(({ data }) => data);
  assert.ok(http.some(({ host, secrets }) => host === API && (secrets as string[]).includes("API_KEY")));
  assert.ok(
    http.some(({ host, placeholders }) => host === OTHER && (placeholders as string[]).includes("API_KEY")),
    JSON.stringify(http.filter(({ host }) => host === OTHER).slice(0, 3)),
  );
  assert.ok(http.every(({ host, secrets }) => host === API || (secrets as string[]).length === 0));
  const text = Buffer.from(JSON.stringify(events));
  assert.ok(!hasValue(text, arena.value) && !hasValue(Buffer.from(arena.server.log), arena.value));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { fc, property } from "../../testing/property.ts";
import { newPlaceholder } from "../placeholder.ts";
import { SecretSet } from "../secret.ts";
import { secretOf, values } from "../testing/arbitraries.ts";
import { substituteHeaders, substituteQuery } from "./substitute.ts";

const key = secretOf("sk-real", { name: "KEY" });
const other = secretOf("other-real", { name: "OTHER" });
const all = new SecretSet([key, other]);
const header = (name: string, value: string) => substituteHeaders([[name, value]], [key], all);
const NOTHING = { used: [], refused: [], unfit: [] };

test("puts an approved value in, wherever in a header", () => {
  for (const [name, before, after] of [
    ["Authorization", `Bearer ${key.placeholder}`, "Bearer sk-real"],
    ["x-api-key", key.placeholder, "sk-real"],
    ["Cookie", `a=1; b=${key.placeholder}; c=${key.placeholder}`, "a=1; b=sk-real; c=sk-real"],
    [
      "Sec-WebSocket-Protocol",
      `realtime, openai-insecure-api-key.${key.placeholder}`,
      "realtime, openai-insecure-api-key.sk-real",
    ],
  ] as const) {
    assert.deepEqual(header(name, before), { headers: [[name, after]], ...NOTHING, used: ["KEY"] });
  }
});

test("puts the value in for an alias, and reports an encoded one", () => {
  const alias = newPlaceholder();
  const secret = { ...secretOf("sk-real", { name: "FORKED" }), aliases: [alias] };
  const set = new SecretSet([other, secret]);
  const given = (value: string) => substituteHeaders([["Authorization", value]], [secret], set);
  assert.deepEqual(given(`Bearer ${alias}`), {
    headers: [["Authorization", "Bearer sk-real"]],
    ...NOTHING,
    used: ["FORKED"],
  });
  assert.deepEqual(given(alias.replaceAll("_", "%5F")).refused, ["FORKED"]);
});

test("leaves the placeholder of a secret that is not approved, and of another sandbox", () => {
  assert.deepEqual(header("Authorization", `Bearer ${other.placeholder}`), {
    headers: [["Authorization", `Bearer ${other.placeholder}`]],
    ...NOTHING,
    refused: ["OTHER"],
  });
  const foreign = newPlaceholder();
  assert.deepEqual(header("Authorization", foreign), { headers: [["Authorization", foreign]], ...NOTHING });
});

test("reports encoded placeholders, and leaves them", () => {
  const cookie = `session=${Buffer.from(JSON.stringify({ key: key.placeholder })).toString("base64url")}`;
  assert.deepEqual(header("Cookie", cookie), { headers: [["Cookie", cookie]], ...NOTHING, refused: ["KEY"] });
  const path = `/?q=${key.placeholder.replaceAll("_", "%5F")}`;
  assert.deepEqual(substituteQuery(path, [key], all), { path, ...NOTHING, refused: ["KEY"] });
});

test("puts values into Basic credentials, as user and as password", () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
  for (const credentials of ["user:%", "%:x-oauth-basic", "%:"]) {
    const { headers, used } = header("authorization", basic(credentials.replace("%", key.placeholder)));
    assert.deepEqual(headers, [["authorization", basic(credentials.replace("%", "sk-real"))]]);
    assert.deepEqual(used, ["KEY"]);
  }
  const refused = basic(`user:${other.placeholder}`);
  assert.deepEqual(header("Authorization", refused), {
    headers: [["Authorization", refused]],
    ...NOTHING,
    refused: ["OTHER"],
  });
  const plain = "Basic dXNlcjpwYXNzd29yZA";
  assert.deepEqual(header("Authorization", plain), { headers: [["Authorization", plain]], ...NOTHING });
});

test("puts nothing into what frames or directs a message, nor into names", () => {
  for (const name of [
    "Host",
    ":authority",
    ":path",
    "Content-Length",
    "transfer-encoding",
    "Connection",
    "TE",
    "Upgrade",
    "Proxy-Authorization",
    "Expect",
  ]) {
    assert.deepEqual(header(name, key.placeholder), {
      headers: [[name, key.placeholder]],
      ...NOTHING,
      refused: ["KEY"],
    });
  }
  assert.deepEqual(header(`x-${key.placeholder}`, "1"), {
    headers: [[`x-${key.placeholder}`, "1"]],
    ...NOTHING,
    refused: ["KEY"],
  });
  const proxy = `Basic ${Buffer.from(`u:${key.placeholder}`).toString("base64")}`;
  assert.deepEqual(header("Proxy-Authorization", proxy).headers, [["Proxy-Authorization", proxy]]);
});

test("refuses to put in a value that would end a header, and says so without the value", () => {
  for (const value of ["one\r\nX-Two: 2", "one\n", "a\0b", "a\x7fb"]) {
    const secret = secretOf(value, { name: "BAD" });
    const set = new SecretSet([secret]);
    for (const text of [secret.placeholder, `Basic ${Buffer.from(`u:${secret.placeholder}`).toString("base64")}`]) {
      const { headers, used, refused, unfit } = substituteHeaders([["Authorization", text]], [secret], set);
      assert.deepEqual([headers, used, refused], [[["Authorization", text]], [], ["BAD"]]);
      assert.equal(unfit[0]?.name, "BAD");
      assert.ok(!unfit[0]?.reason.includes(value));
    }
  }
});

test("writes a value beyond ASCII as its UTF-8", () => {
  const secret = secretOf("pässword");
  const { headers } = substituteHeaders([["x", secret.placeholder]], [secret], new SecretSet([secret]));
  assert.equal(Buffer.from(headers[0]![1], "latin1").toString("utf8"), "pässword");
});

test("headers never hold a value that is not approved, and change in nothing else", () =>
  property(
    [
      fc.array(fc.tuple(fc.constantFrom("Authorization", "X-Key", "Cookie"), fc.string(), fc.nat({ max: 2 }))),
      values,
      values,
    ],
    (parts, good, bad) => {
      const [approved, denied] = [secretOf(good, { name: "GOOD" }), secretOf(`${bad}-denied-value`, { name: "BAD" })];
      const set = new SecretSet([approved, denied]);
      const stand = ["", approved.placeholder, denied.placeholder];
      const given = parts.map(([name, text, which]): [string, string] => [name, `${text} ${stand[which]}`]);
      const { headers, used, refused, unfit } = substituteHeaders(given, [approved], set);
      const fits = !/[^\t\x20-\x7e\x80-\xff]/.test(approved.value.toString("latin1"));
      assert.deepEqual(
        headers,
        given.map(([name, text]) => [
          name,
          fits ? text.replace(approved.placeholder, () => approved.value.toString("latin1")) : text,
        ]),
      );
      const seen = (which: number) => parts.some((part) => part[2] === which);
      assert.deepEqual(used, seen(1) && fits ? ["GOOD"] : []);
      assert.deepEqual(refused.toSorted(), [...(seen(2) ? ["BAD"] : []), ...(seen(1) && !fits ? ["GOOD"] : [])]);
      assert.equal(unfit.length, seen(1) && !fits ? 1 : 0);
    },
  ));

test("puts a value, percent-encoded, into the query and not into the path", () => {
  const secret = secretOf("a b&c=d/é#\r\n", { name: "KEY" });
  const set = new SecretSet([secret]);
  assert.deepEqual(substituteQuery(`/v1?key=${secret.placeholder}&x=${secret.placeholder}`, [secret], set), {
    path: "/v1?key=a%20b%26c%3Dd%2F%C3%A9%23%0D%0A&x=a%20b%26c%3Dd%2F%C3%A9%23%0D%0A",
    ...NOTHING,
    used: ["KEY"],
  });
  assert.deepEqual(substituteQuery(`/${secret.placeholder}/x?y=1`, [secret], set), {
    path: `/${secret.placeholder}/x?y=1`,
    ...NOTHING,
    refused: ["KEY"],
  });
  assert.deepEqual(substituteQuery(`/?y=${secret.placeholder}`, [], set), {
    path: `/?y=${secret.placeholder}`,
    ...NOTHING,
    refused: ["KEY"],
  });
});

test("what is put into a query decodes to the value", () =>
  property([fc.string({ unit: "binary" })], (value) => {
    const secret = secretOf(value);
    const { path } = substituteQuery(`/?key=${secret.placeholder}`, [secret], new SecretSet([secret]));
    assert.equal(new URLSearchParams(path.slice(2)).get("key"), secret.value.toString());
  }));

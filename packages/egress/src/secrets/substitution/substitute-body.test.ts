import assert from "node:assert/strict";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { fc, property } from "../../testing/property.ts";
import { newPlaceholder } from "../placeholder.ts";
import { SecretSet } from "../secret.ts";
import { chunked, cuts, secretOf, surroundings, values } from "../testing/arbitraries.ts";
import { bodyMayChange, bodySubstitution, substituteBody } from "./substitute-body.ts";

const body = secretOf('va"l/ue &é\n', { name: "BODY" });
const header = secretOf("header-only", { name: "HEADER", inBody: false });
const denied = secretOf("denied", { name: "DENIED" });
const all = new SecretSet([body, header, denied]);

function substitute(text: string, contentType: string | undefined) {
  const scanner = bodySubstitution([body, header], all, contentType);
  const data = Buffer.concat([...scanner.push(Buffer.from(text)), ...scanner.flush()]);
  return { text: data.toString(), used: scanner.used(), refused: scanner.refused() };
}

test("writes a value as the body's type wants it", () => {
  const json = JSON.stringify({ key: body.placeholder });
  for (const type of ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "text/json"]) {
    assert.deepEqual(JSON.parse(substitute(json, type).text), { key: body.value.toString() });
  }
  const form = substitute(`a=1&key=${body.placeholder}`, "application/x-www-form-urlencoded").text;
  assert.equal(new URLSearchParams(form).get("key"), body.value.toString());
  for (const type of [undefined, "text/plain", "multipart/form-data; boundary=x", "application/jsonp"]) {
    assert.deepEqual(substitute(`<${body.placeholder}>`, type), {
      text: `<${body.value}>`,
      used: ["BODY"],
      refused: [],
    });
  }
});

test("substitutes an alias as it does the placeholder", () => {
  const alias = newPlaceholder();
  const secret = { ...secretOf("val", { name: "FORKED" }), aliases: [alias] };
  const scanner = bodySubstitution([secret], new SecretSet([denied, secret]), undefined);
  const text = [
    ...scanner.push(Buffer.from(`${alias} ${secret.placeholder} ${denied.placeholder}`)),
    ...scanner.flush(),
  ];
  assert.equal(Buffer.concat(text).toString(), `val val ${denied.placeholder}`);
  assert.deepEqual([scanner.used(), scanner.refused()], [["FORKED"], ["DENIED"]]);
});

test("leaves and reports what is not for bodies, not approved or encoded, and leaves what is another sandbox's", () => {
  const encoded = Buffer.from(`u:${body.placeholder}`).toString("base64");
  const text = `${header.placeholder} ${denied.placeholder} ${newPlaceholder()}`;
  assert.deepEqual(substitute(text, undefined), { text, used: [], refused: ["HEADER", "DENIED"] });
  assert.deepEqual(substitute(encoded, undefined), { text: encoded, used: [], refused: ["BODY"] });
  const escaped = body.placeholder.replace("_", "%5f");
  assert.deepEqual(substitute(escaped, undefined), { text: escaped, used: [], refused: ["BODY"] });
});

test("puts in only what is approved, over any split", () =>
  property(
    [values, fc.array(fc.tuple(surroundings, fc.nat({ max: 2 }))), cuts, fc.boolean()],
    async (value, parts, places, every) => {
      const secrets = [
        secretOf(value, { name: "A" }),
        secretOf("b-value", { name: "B", inBody: false }),
        secretOf("c-value", { name: "C" }),
      ];
      const given = Buffer.concat(
        parts.flatMap(([before, which]) => [before, Buffer.from(secrets[which]!.placeholder)]),
      );
      const expected = Buffer.concat(
        parts.flatMap(([before, which]) => [
          before,
          which === 0 ? secrets[0]!.value : Buffer.from(secrets[which]!.placeholder),
        ]),
      );
      const stream = substituteBody(secrets.slice(0, 2), new SecretSet(secrets), "text/plain");
      const [got] = await Promise.all([stream.toArray(), pipeline(chunked(given, places, every), stream)]);
      assert.deepEqual(Buffer.concat(got), expected);
      const seen = (which: number) => parts.some((part) => part[1] === which);
      assert.deepEqual(stream.used(), seen(0) ? ["A"] : []);
      assert.deepEqual(stream.refused().toSorted(), [...(seen(1) ? ["B"] : []), ...(seen(2) ? ["C"] : [])]);
    },
    { runs: 200 },
  ));

test("says beforehand whether a body may change", () => {
  assert.equal(bodyMayChange([header]), false);
  assert.equal(bodyMayChange([header, body]), true);
  assert.equal(bodyMayChange([]), false);
});

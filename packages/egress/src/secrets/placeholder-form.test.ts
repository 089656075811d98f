import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc, property } from "../testing/property.ts";
import { Placeholders } from "./placeholder.ts";
import { PlaceholderError, PlaceholderForm } from "./placeholder-form.ts";
import { Redactor } from "./redaction/redact.ts";
import { SecretSet } from "./secret.ts";
import { substituteHeaders, substituteQuery } from "./substitution/substitute.ts";
import { bodySubstitution } from "./substitution/substitute-body.ts";
import { secretOf } from "./testing/arbitraries.ts";

const VALUE = "the-real-value-0123456789";

/** Forms as they are written; the sizes that are too small are left out. */
const SIZES = { alnum: 62, lower: 36, upper: 36, hex: 16, digits: 10 };
const fixed = fc.string({ unit: fc.constantFrom(..."abXY019_-"), maxLength: 12 });
const random = fc
  .record({
    kind: fc.constantFrom(...(Object.keys(SIZES) as (keyof typeof SIZES)[])),
    extra: fc.nat({ max: 30 }),
    dots: fc.constantFrom("…", "..."),
  })
  .map(({ kind, extra, dots }) => `${dots}{${Math.ceil(128 / Math.log2(SIZES[kind])) + extra}:${kind}}`);
const forms = fc
  .oneof(
    fc.tuple(fixed, fc.constantFrom("…", "..."), fixed),
    fc.tuple(fixed, random, fixed),
    fc.tuple(fixed, random, fixed, random, fixed),
  )
  .map((parts) => parts.join(""));

describe("a placeholder's form", () => {
  test("is text with a random part: of so many characters, of a kind, or of 43 of the usual ones", () => {
    for (const [form, pattern] of [
      ["sk-ant-…", /^sk-ant-[A-Za-z0-9]{43}$/],
      ["sk-ant-...", /^sk-ant-[A-Za-z0-9]{43}$/],
      ["ghp_…{36}", /^ghp_[A-Za-z0-9]{36}$/],
      ["…{32:hex}", /^[0-9a-f]{32}$/],
      ["xoxb-…{12:digits}-…{12:digits}-…{24}", /^xoxb-[0-9]{12}-[0-9]{12}-[A-Za-z0-9]{24}$/],
      ["eyJ….eyJ….…", /^eyJ[A-Za-z0-9]{43}\.eyJ[A-Za-z0-9]{43}\.[A-Za-z0-9]{43}$/],
      ["K-…{25:upper}.…{25:lower}-Z", /^K-[A-Z0-9]{25}\.[a-z0-9]{25}-Z$/],
    ] as const) {
      const parsed = PlaceholderForm.parse(form);
      const made = parsed.make(VALUE);
      assert.match(made, pattern);
      assert.ok(parsed.matches(made));
      assert.ok(!parsed.matches(`${made}x`) && !parsed.matches(made.slice(1)));
    }
  });

  test("that anybody could guess, or that programs would write in another way, is refused with what to write instead", () => {
    for (const [form, message] of [
      ["sk-ant-fixed", /the same for everybody.*such as "sk-ant-fixed…"/],
      ["", /the same for everybody/],
      ["sk-…{21}", /125 random bits.*128, which takes 22 characters/],
      ["AKIA…{16:upper}", /82 random bits.*25 characters/],
      ["…{31:hex}", /124 random bits.*32 characters/],
      ["…{5}-…{5}", /59 random bits/],
      ["sk …", /letters, digits and \. _ -,/],
      ["sk/…", /letters, digits/],
      ["sk~…", /letters, digits/],
      ['sk"…', /letters, digits/],
      ["%41…", /letters, digits/],
      ["é…", /letters, digits/],
      ["{…}", /letters, digits/],
      ["…{x}", /letters, digits/],
      ["…{12", /letters, digits/],
      ["\r\n…", /letters, digits/],
      ["…{40:base64}", /unknown kind .*"base64".*alnum, lower, upper, hex, digits/],
      ["…{40:constructor}", /unknown kind/],
      ["…{0}…", /at least one/],
      [`${"a".repeat(65)}…`, /65 characters, but the limit is 64/],
      ["…{600}", /600 characters, but the limit is 512/],
      ["…{9999}", /9999 characters/],
    ] as const) {
      assert.throws(
        () => PlaceholderForm.parse(form),
        (error) => error instanceof PlaceholderError && message.test(error.message),
        form,
      );
    }
  });

  test("that tells the value, or most of it, is refused without telling it", () => {
    const make = (form: string, value: string) => PlaceholderForm.parse(form).make(value);
    for (const [form, value] of [
      ["hunter2-…", "hunter2"],
      ["a-…-hunter2", "hunter2"],
      ["sk-live-12345-…", "sk-live-12345678"],
      ["…-tail-9876", "live-tail-9876"],
      ["sk-live-…-live-end", "sk-live-0123456789-live-end"],
      ["…{43}.mid-hunter2.…", "hunter2"],
    ] as const) {
      assert.throws(
        () => make(form, value),
        (error) =>
          error instanceof PlaceholderError && /fixed text/.test(error.message) && !error.message.includes(value),
        form,
      );
    }
    for (const [form, value] of [
      ["sk-ant-api03-…", `sk-ant-api03-${"x".repeat(80)}`],
      ["ghp_…{36}", `ghp_${"y".repeat(36)}`],
      ["key-…", "hunter2"],
    ] as const)
      make(form, value);
  });

  test("makes placeholders that are of it, all different, and with nothing of the value", () =>
    property([forms, fc.string({ minLength: 4, maxLength: 40 })], (text, value) => {
      const form = PlaceholderForm.parse(text);
      let made: string[];
      try {
        made = [form.make(value), form.make(value), form.make(value)];
      } catch (error) {
        assert.ok(error instanceof PlaceholderError);
        return;
      }
      assert.equal(new Set(made).size, 3);
      for (const placeholder of made) {
        assert.ok(form.matches(placeholder));
        assert.ok(!placeholder.includes(value) && !value.includes(placeholder));
        assert.match(placeholder, /^[A-Za-z0-9._-]{22,512}$/);
      }
    }));

  test("has every character of its kind in every place", () => {
    const form = PlaceholderForm.parse("…{32:hex}");
    const seen = Array.from({ length: 32 }, () => new Set<string>());
    for (let i = 0; i < 400; i++)
      for (const [at, character] of [...form.make(VALUE)].entries()) seen[at]!.add(character);
    for (const characters of seen) assert.equal(characters.size, 16);
  });
});

test("a placeholder of any form is put in, in headers, queries, Basic credentials and bodies, and comes back for its value", () =>
  property(
    [fc.uniqueArray(forms, { minLength: 1, maxLength: 5 })],
    async (texts) => {
      const secrets = texts.flatMap((text, at) => {
        const value = `value ${at} of "${at}"`;
        try {
          return [secretOf(value, { name: `S${at}`, placeholder: PlaceholderForm.parse(text).make(value) })];
        } catch {
          return [];
        }
      });
      const all = new SecretSet(secrets);
      for (const { name, placeholder, value } of secrets) {
        const real = value.toString();
        const { headers, used, refused } = substituteHeaders(
          [
            ["authorization", `Bearer ${placeholder}`],
            ["x", `${placeholder},${placeholder}`],
          ],
          secrets,
          all,
        );
        assert.deepEqual(
          { headers, used, refused },
          {
            headers: [
              ["authorization", `Bearer ${real}`],
              ["x", `${real},${real}`],
            ],
            used: [name],
            refused: [],
          },
        );
        const basic = `Basic ${Buffer.from(`user:${placeholder}`).toString("base64")}`;
        assert.deepEqual(substituteHeaders([["authorization", basic]], secrets, all).headers, [
          ["authorization", `Basic ${Buffer.from(`user:${real}`).toString("base64")}`],
        ]);
        for (const written of [
          encodeURIComponent(placeholder),
          new URLSearchParams([[placeholder, ""]]).toString().slice(0, -1),
          JSON.stringify(placeholder).slice(1, -1),
        ]) {
          assert.equal(substituteQuery(`/?k=${written}`, secrets, all).path, `/?k=${encodeURIComponent(real)}`);
        }
        assert.deepEqual(substituteHeaders([["x", Buffer.from(placeholder).toString("hex")]], secrets, all).refused, [
          name,
        ]);
        assert.deepEqual(substituteHeaders([["x", placeholder]], [], all).refused, [name]);
        const body = bodySubstitution(secrets, all, "text/plain");
        // In pieces, as it may come.
        const pieces = [...`a ${placeholder} b`].flatMap((character) => body.push(Buffer.from(character)));
        assert.equal(Buffer.concat([...pieces, ...body.flush()]).toString(), `a ${real} b`);
        assert.equal(new Redactor(all).redactText(`it is ${real}!`).text, `it is ${placeholder}!`);
      }
      assert.equal(new Placeholders([]).shortest, Infinity);
    },
    { runs: 150 },
  ));

import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { characterEntities } from "character-entities";
import { characterEntitiesLegacy } from "character-entities-legacy";
import { fc, property } from "../../testing/property.ts";
import { Finder } from "../search/finder.ts";
import { formsOf } from "../search/forms.ts";
import { SearchLimitError } from "../search/probe.ts";
import { SecretSet } from "../secret.ts";
import { chunked, cuts, keys, secretOf, spellings, surroundings, values } from "../testing/arbitraries.ts";
import { redactNaively } from "../testing/oracle.ts";
import { Redactor } from "./redact.ts";

function redact(redactor: Redactor, chunks: Buffer[]): { data: Buffer; found: string[] } {
  const scanner = redactor.scanner();
  const parts = chunks.flatMap((chunk) => scanner.push(chunk));
  return { data: Buffer.concat([...parts, ...scanner.flush()]), found: scanner.found() };
}

const redactorOf = (...list: string[]) =>
  new Redactor(new SecretSet(list.map((value, index) => secretOf(value, { name: `S${index}` }))));

test("does what the naive redactor does: any values, spellings, surroundings and chunks", () =>
  property(
    [
      fc.array(values, { minLength: 1, maxLength: 3 }),
      fc.array(fc.tuple(surroundings, fc.nat({ max: 2 }), spellings), { minLength: 1, maxLength: 3 }),
      surroundings,
      cuts,
      fc.boolean(),
    ],
    (list, parts, end, places, every) => {
      const secrets = list.map((value, index) => secretOf(value, { name: `S${index}` }));
      const data = Buffer.concat([
        ...parts.flatMap(([before, which, spell]) => [before, spell(list[which % list.length]!)]),
        end,
      ]);
      const expected = redactNaively(data, secrets);
      const got = redact(new Redactor(new SecretSet(secrets)), chunked(data, places, every));
      assert.deepEqual(got, expected);
    },
    { runs: 3000 },
  ));

test("passes on at once all but what could become a value", () =>
  property(
    [values, surroundings, surroundings, spellings, fc.nat({ max: 1000 })],
    (value, before, after, spell, place) => {
      const secret = secretOf(value);
      const whole = Buffer.concat([before, spell(value), after]);
      const data = whole.subarray(0, Math.ceil((place * whole.length) / 1000));
      const passed = Buffer.concat(new Redactor(new SecretSet([secret])).scanner().push(data));
      assert.deepEqual(passed, redactNaively(data, [secret], true).data);
    },
    { runs: 2000 },
  ));

test("passes data without values on as it is, without copying it", () =>
  property([fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 })], (chunks) => {
    const scanner = redactorOf("a value that random data does not hold").scanner();
    for (const chunk of chunks.map((bytes) => Buffer.concat([bytes, Buffer.from("\n")]))) {
      const [passed, ...more] = scanner.push(chunk);
      assert.equal(passed?.buffer, chunk.buffer);
      assert.equal(passed?.byteOffset, chunk.byteOffset);
      assert.equal(passed?.length, chunk.length);
      assert.deepEqual(more, []);
    }
    assert.deepEqual(scanner.flush(), []);
    assert.deepEqual(scanner.found(), []);
  }));

test("replaces a value, however its characters are written, and nothing else", () =>
  property([keys, spellings, cuts, fc.boolean()], (value, spell, places, every) => {
    const secret = secretOf(value);
    const written = spell(value);
    const data = Buffer.concat([Buffer.from("<<< "), written, Buffer.from(" >>>")]);
    const { data: got, found } = redact(new Redactor(new SecretSet([secret])), chunked(data, places, every));
    assert.deepEqual(found, ["SECRET"]);
    const text = got.toString("latin1");
    assert.match(text, /^<<< .* >>>$/s);
    for (const encoding of ["utf8", "hex", "base64", "base64url"] as const)
      assert.ok(!text.includes(Buffer.from(value).toString(encoding)));
    if (!/REDA/.test(text))
      assert.ok([secret.placeholder, Buffer.from(secret.placeholder).toString("hex")].includes(text.slice(4, -4)));
  }));

test("turns each form back into what stands for it", () => {
  const secret = secretOf('sk-"ab/c&d+é😀 z');
  const redactor = new Redactor(new SecretSet([secret]));
  const { placeholder } = secret;
  const value = secret.value.toString();
  for (const [written, expected] of [
    [value, placeholder],
    [encodeURIComponent(value), placeholder],
    [new URLSearchParams({ key: value }).toString(), `key=${placeholder}`],
    [JSON.stringify({ key: value }), `{"key":"${placeholder}"}`],
    ["sk-\\u0022ab\\/c\\u0026d\\u002B\\u00e9\\uD83D\\uDE00 z", placeholder],
    ["sk-&quot;ab/c&amp;d&#43;&#xE9;&#128512; z", placeholder],
    [Buffer.from(value).toString("hex").toUpperCase(), Buffer.from(placeholder).toString("hex")],
  ] as const) {
    assert.equal(redact(redactor, [Buffer.from(written)]).data.toString(), expected);
  }
});

test("knows every character reference that browsers know", () => {
  const names = Object.entries(characterEntities).flatMap(
    ([name, meaning]) =>
      [[`&${name};`, meaning], ...(characterEntitiesLegacy.includes(name) ? [[`&${name}`, meaning]] : [])] as [
        string,
        string,
      ][],
  );
  assert.equal(names.length, 2_231);
  const secrets = [...new Set(names.map(([, meaning]) => meaning))].map((meaning) =>
    secretOf(`-.${meaning}.-`, { name: meaning }),
  );
  // As many at a time as a sandbox may have.
  for (let at = 0; at < secrets.length; at += 64) {
    const some = secrets.slice(at, at + 64);
    const redactor = new Redactor(new SecretSet(some));
    for (const { name: meaning, placeholder } of some) {
      for (const [written] of names.filter(([, one]) => one === meaning))
        assert.equal(redact(redactor, [Buffer.from(`-.${written}.-`)]).data.toString(), placeholder, written);
    }
  }
});

test("knows references without a semicolon, with any sensible number of digits, and as Windows-1252", () => {
  const secret = secretOf("p_ä€ss-notin¬it&");
  const redactor = new Redactor(new SecretSet([secret]));
  for (const written of [
    "p&lowbar;&auml;&euro;ss-notin&not;it&amp;",
    "p&UnderBar;&auml&euro;ss-notin&notit&amp",
    "p&#95&#228&#8364ss-notin&#172it&#38",
    "p&#x5F&#xe4;&#x20ACss-notin&#xAC;it&#x26",
    "p&#0000000000095;&#x000000000000000e4;&#128;ss-notin&#172;it&#38;",
    "&#000000000000000000000000000112;_&auml;&#x80;ss-notin&not;it&AMP;",
  ]) {
    for (const every of [false, true])
      assert.equal(
        redact(redactor, chunked(Buffer.from(written), [], every)).data.toString(),
        secret.placeholder,
        written,
      );
  }
  // Longer names win, more digits are of the number, and beyond the bound there is no reference.
  for (const other of [
    "p_ä€ss-notin&notin;it&",
    "p&#957_ä€ss-notin¬it&",
    "p&#0000000000000000000000000000095;ä€ss-notin¬it&",
  ]) {
    assert.equal(redact(redactor, [Buffer.from(other)]).data.toString(), other);
  }
});

test("takes the value out of Basic credentials that are echoed, and leaves the rest decodable", () => {
  const redactor = redactorOf("correct-horse-battery");
  for (const user of ["", "a", "ab", "abc"]) {
    const header = `Basic ${Buffer.from(`${user}:correct-horse-battery`).toString("base64")}`;
    const { text, found } = redactor.redactText(header);
    assert.deepEqual(found, ["S0"]);
    assert.equal(text.length, header.length);
    const decoded = Buffer.from(text.slice(6), "base64").toString("latin1");
    assert.ok(decoded.startsWith(`${user}:`), decoded);
    assert.ok(!decoded.includes("orrect") && !decoded.includes("attery") && !decoded.includes("horse"), decoded);
  }
});

test("does not hold back an event that ends with an empty line", () => {
  const scanner = redactorOf("data: nothing like this", "another-secret-value").scanner();
  const event = Buffer.from('data: {"delta":"anot"}\n\n');
  assert.deepEqual(Buffer.concat(scanner.push(event)), event);
});

test("holds back no more than what could become a value", () => {
  const scanner = redactorOf("secret-value").scanner();
  assert.equal(Buffer.concat(scanner.push(Buffer.from("It is secret-"))).toString(), "It is ");
  assert.equal(Buffer.concat(scanner.push(Buffer.from("ly said: %7"))).toString(), "secret-ly said: ");
  assert.equal(Buffer.concat(scanner.push(Buffer.from("4&#"))).toString(), "%74");
  assert.equal(Buffer.concat(scanner.flush()).toString(), "&#");
});

test("takes the longer of two values that begin alike, and the shorter when the longer does not come", () => {
  const secrets = [secretOf("prefix", { name: "SHORT" }), secretOf("prefix-and-more", { name: "LONG" })];
  const redactor = new Redactor(new SecretSet(secrets));
  const [short, long] = secrets;
  const text = "prefix-and-mor prefix-and-more prefix";
  const { data, found } = redact(redactor, chunked(Buffer.from(text), [], true));
  assert.equal(data.toString(), `${short!.placeholder}-and-mor ${long!.placeholder} ${short!.placeholder}`);
  assert.deepEqual(found, ["SHORT", "LONG"]);
});

test("takes the leftmost of values that overlap, even when its first escape comes later", () => {
  const secrets = [secretOf("bzzq"), secretOf("a%62zz")];
  const { data } = redact(new Redactor(new SecretSet(secrets)), [Buffer.from("a%62z%7aq")]);
  assert.equal(data.toString(), `${secrets[1]!.placeholder}q`);
});

test("finds a value of fewer than four bytes as it is only, and an empty one never", () => {
  const secrets = [secretOf("x"), secretOf("q&7"), secretOf("")];
  const { data } = redact(new Redactor(new SecretSet(secrets)), [Buffer.from("ax q&7 q&amp;7 %78")]);
  assert.equal(data.toString(), `a${secrets[0]!.placeholder} ${secrets[1]!.placeholder} q&amp;7 %78`);
});

test("keeps the length where lengths matter", () => {
  const redactor = redactorOf("a-value-of-20-bytes!");
  const scanner = redactor.scanner({ keepLength: true });
  const text = "1 a-value-of-20-bytes! 2 a%2Dvalue-of-20-bytes! 3";
  const got = Buffer.concat([...scanner.push(Buffer.from(text)), ...scanner.flush()]).toString();
  assert.equal(got, "1 REDACTEDREDACTEDREDA 2 REDACTEDREDACTEDREDACT 3");
  assert.equal(got.length, text.length);
});

test("pauses anywhere let out no more than three bytes of a value, its first", () =>
  property(
    [values, surroundings, spellings, surroundings, cuts, fc.boolean()],
    (value, before, spell, after, places, every) => {
      const secret = secretOf(value);
      const data = Buffer.concat([before, spell(value), after]);
      const redactor = new Redactor(new SecretSet([secret]));
      const whole = redactor.scanner({ keepLength: true });
      const expected = Buffer.concat([...whole.push(data), ...whole.flush()]);
      const scanner = redactor.scanner({ keepLength: true });
      const got = Buffer.concat([
        ...chunked(data, places, every).flatMap((chunk) => [...scanner.push(chunk), ...scanner.pause()]),
        ...scanner.flush(),
      ]);
      assert.equal(got.length, expected.length);
      const starts = new Set<number>();
      const search = new Finder(formsOf([secret.value])).search(data);
      for (let match = search.next(0); match; match = search.next(match.end))
        for (const at of [0, 1, 2]) starts.add(match.start + at);
      for (const [at, byte] of expected.entries())
        assert.ok(got[at] === byte || (starts.has(at) && got[at] === data[at]), `byte ${at} of ${data} is in ${got}`);
    },
    { runs: 2000 },
  ));

test("a pause gives out what is held, if it is short, and nothing else", () => {
  const scanner = redactorOf("secret-value").scanner({ keepLength: true });
  const push = (text: string) => Buffer.concat(scanner.push(Buffer.from(text))).toString();
  const pause = () => Buffer.concat(scanner.pause()).toString();
  assert.deepEqual([push("ends in s"), pause(), pause()], ["ends in ", "s", ""]);
  assert.deepEqual([push("ecr"), pause()], ["", ""]);
  assert.equal(push("et-value!"), `${"REDACTEDREDACTED".slice(1, 12)}!`);
  assert.deepEqual([push("sec"), pause(), push("ond")], ["", "sec", "ond"]);
});

test("takes out a field whose name and value make up a value together", () => {
  const redactor = redactorOf("user:password", "Token: abc");
  for (const [name, text] of [
    ["user", "password"],
    ["X-user", "password1"],
    ["Token", "abc"],
  ] as const)
    assert.equal(redactor.redactField([name, text]), null);
  assert.deepEqual(redactor.redactField(["User", "password"]), ["User", "password"]);
  assert.ok(redactor.redactField(["x", "user:password"])![1].startsWith("DENO_SECRET"));
});

test("redacts texts of heads, as bytes and as characters", () => {
  const secret = secretOf("pässwörd-✓");
  const redactor = new Redactor(new SecretSet([secret]));
  const asBytes = secret.value.toString("latin1");
  assert.deepEqual(redactor.redactText(`a=${asBytes}; b`), { text: `a=${secret.placeholder}; b`, found: ["SECRET"] });
  assert.deepEqual(redactor.redactText("not pässwörd-✓ it"), {
    text: `not ${secret.placeholder} it`,
    found: ["SECRET"],
  });
  assert.deepEqual(redactor.redactText("untouched é \ud800"), { text: "untouched é \ud800", found: [] });
});

test("knows a value that a program has taken for Latin-1, as one does that repeats a header in JSON", () => {
  const secret = secretOf("pässwörd");
  const redactor = new Redactor(new SecretSet([secret]));
  const header = secret.value.toString("latin1");
  for (const echo of [
    Buffer.from(JSON.stringify({ header })),
    Buffer.from('{"header":"p\\u00c3\\u00a4ssw\\u00c3\\u00b6rd"}'),
    Buffer.from('{"header":"pässwörd"}', "latin1"),
  ]) {
    assert.equal(redact(redactor, [echo]).data.toString(), `{"header":"${secret.placeholder}"}`);
  }
});

test("without secrets everything passes", () => {
  const redactor = new Redactor(new SecretSet([]));
  const chunk = Buffer.from("anything");
  assert.deepEqual(redactor.scanner().push(chunk), [chunk]);
  assert.deepEqual(redactor.redactText("anything"), { text: "anything", found: [] });
});

test("as a stream redacts whatever the chunks and tells what it found", async () => {
  const secret = secretOf("streamed-secret");
  const stream = new Redactor(new SecretSet([secret])).redactBody();
  const chunks = chunked(Buffer.from("one streamed-secret two streamed%2Dsecret three"), [], true);
  const [got] = await Promise.all([stream.toArray(), pipeline(chunks, stream)]);
  assert.equal(Buffer.concat(got).toString(), `one ${secret.placeholder} two ${secret.placeholder} three`);
  assert.deepEqual(stream.found(), ["SECRET"]);
});

test("gives up on a value that repeats itself too much rather than stand still or let it pass", async () => {
  const value = "\\".repeat(8_000);
  const stream = redactorOf(value).redactBody();
  const began = performance.now();
  await assert.rejects(
    pipeline(
      [Buffer.from("\\".repeat(7_999).concat("x").repeat(8))],
      stream,
      new Writable({ write: (_chunk, _encoding, done) => done() }),
    ),
    (error: Error) => {
      assert.ok(error instanceof SearchLimitError);
      assert.ok(!error.message.includes(value));
      return true;
    },
  );
  assert.ok(performance.now() - began < 5_000);
});

test("holds back at most what the longest spelling of a value takes", () => {
  const scanner = redactorOf(`${"a".repeat(20)}b`).scanner();
  let passed = 0;
  for (let chunk = 0; chunk < 200; chunk++) {
    passed += Buffer.concat(scanner.push(Buffer.from("&#0000097;"))).length;
    assert.ok((chunk + 1) * 10 - passed <= 21 * 10);
  }
});

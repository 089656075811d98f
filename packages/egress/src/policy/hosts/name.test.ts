import assert from "node:assert/strict";
import { test } from "node:test";
import { fc, property } from "../../testing/property.ts";
import { canonicalName } from "./name.ts";

const label63 = "a".repeat(63);

for (const [text, name] of [
  ["example.com", "example.com"],
  ["EXAMPLE.Com", "example.com"],
  ["example.com.", "example.com"],
  ["localhost", "localhost"],
  ["_acme-challenge.example.com", "_acme-challenge.example.com"],
  ["r3---sn-4g5e6nzz.example.com", "r3---sn-4g5e6nzz.example.com"],
  ["1password.com", "1password.com"],
  ["1.2.3.4.example", "1.2.3.4.example"],
  ["xn--bcher-kva.example", "xn--bcher-kva.example"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["BÜCHER.example", "xn--bcher-kva.example"],
  ["faß.example", "xn--fa-hia.example"],
  ["ｅｘａｍｐｌｅ.com", "example.com"],
  ["example。com", "example.com"],
  ["exa\u00admple.com", "example.com"],
  [`${label63}.com`, `${label63}.com`],
  ["0xg.com", "0xg.com"],
  ["a.0xg", "a.0xg"],
] as const) {
  test(`${JSON.stringify(text)} is ${name}`, () => assert.equal(canonicalName(text), name));
}

for (const [why, texts] of Object.entries({
  empty: ["", ".", "..", ".com", "a..b", "example.com..", "example.com.。", "\u00ad"],
  "control characters and spaces": [
    "example.com\0",
    "a\0.example.com",
    "example.com\0.evil.com",
    "a b.com",
    " a.com",
    "a.com\n",
    "\ta.com",
    "a\r.com",
    "a\u00a0b.com",
    "a\u3000b.com",
  ],
  "parts of URLs": [
    "user@example.com",
    "a/b.com",
    "a.com/",
    "a.com:80",
    "a.com?x",
    "a.com#x",
    "a\\b.com",
    "%61.com",
    "a.com%00",
    "[::1]",
    "http://a.com",
  ],
  "fullwidth parts of URLs": ["a／b.com", "user＠a.com", "a.com：80", "％61.com", "a.com？x", "a.com＃x"],
  "other characters": [
    "*.example.com",
    "a,b.com",
    "a;b.com",
    "a'b.com",
    "a!b.com",
    "a$b.com",
    "a|b.com",
    "a^b.com",
    "\ud800.com",
    "a\ufffd.com",
  ],
  "too long": [`${label63}a.com`, `${"a.".repeat(127)}aa`, "a".repeat(2000), `${"ü".repeat(63)}.com`],
  "addresses in any notation": [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7F.1",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.0x1",
    "0x",
    "0X",
    "127.0.0.256",
    "1.2.3.4.5",
    "999999999999",
    "09.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.1",
    "::1",
    "a.b.1",
    "example.com.0x7f",
    "example.08",
  ],
})) {
  test(`${why}: no name`, () => {
    for (const text of texts) assert.equal(canonicalName(text), null, JSON.stringify(text));
  });
}

const texts = fc.oneof(
  fc.domain(),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      "a",
      "A",
      ".",
      "-",
      "_",
      "xn--",
      "0",
      "x",
      "1",
      "ü",
      "İ",
      "K",
      "ß",
      "。",
      "％",
      "\u00ad",
      "\u200d",
      "％2e",
      "@",
      "/",
      "\0",
    ),
    maxLength: 12,
  }),
);

test("a canonical name is its own canonical form", () =>
  property(
    [texts],
    (text) => {
      const name = canonicalName(text);
      if (name !== null) assert.equal(canonicalName(name), name);
    },
    { runs: 3000 },
  ));

test("a canonical name is read by parsers of URLs as what it is", () =>
  property(
    [texts],
    (text) => {
      const name = canonicalName(text);
      if (name === null || !URL.canParse(`http://${name}/`)) return;
      const url = new URL(`http://${name}/`);
      assert.deepEqual([url.hostname, url.username, url.port, url.pathname], [name, "", "", "/"]);
    },
    { runs: 3000 },
  ));

test("case and a last dot make no difference", () =>
  property([fc.domain()], (domain) => {
    assert.equal(canonicalName(domain), canonicalName(domain.toUpperCase()));
    assert.equal(canonicalName(domain), canonicalName(`${domain}.`));
  }));

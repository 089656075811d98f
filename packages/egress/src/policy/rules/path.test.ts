import assert from "node:assert/strict";
import { test } from "node:test";
import { fc, property } from "../../testing/property.ts";
import { MAX_PATH_LENGTH, PathPatternError, parsePathPattern, pathMatches, readPath } from "./path.ts";

function fits(patterns: string | readonly string[], path: string): boolean {
  const readings = readPath(path);
  return (
    readings !== null &&
    pathMatches(
      [patterns].flat().map((text) => parsePathPattern(text)),
      readings,
    )
  );
}

for (const [pattern, paths] of [
  ["/", ["/"]],
  ["/v1/models", ["/v1/models", "/v1/mod%65ls", "/%761/models"]],
  ["/v1/*", ["/v1/models", "/v1/", "/v1/a.b", "/v1/...", "/v1/100%25", "/v1/a%20b", "/v1/*"]],
  ["/v1/*/edit", ["/v1/x/edit"]],
  ["/v1/a*b*c", ["/v1/abc", "/v1/axxbyyc", "/v1/abbcbc"]],
  ["/**", ["/", "/a", "/a/b/c", "/a/"]],
  ["/repos/**", ["/repos", "/repos/", "/repos/a/b/c"]],
  ["/**/info", ["/info", "/a/info", "/a/b/info"]],
  ["/a/**/b/**/c", ["/a/b/c", "/a/x/b/y/z/c", "/a/b/b/c"]],
  ["/**/**", ["/", "/a", "/a/b"]],
  ["/ü/*", ["/%C3%BC/x", "/%c3%bc/x"]],
  ["/a%20b", ["/a%20b"]],
  ["/a+b.(c)[d]|$^{e}", ["/a+b.(c)[d]|$^{e}"]],
] as const) {
  test(`${pattern} fits ${paths.join(", ")}`, () => {
    for (const path of paths) assert.ok(fits(pattern, path), path);
  });
}

for (const [pattern, paths] of [
  ["/v1/*", ["/v1", "/v1/a/b", "/v2/a", "/V1/a", "/v1x/a", "/x/v1/a", "/v1/a/"]],
  ["/v1/models", ["/v1/models/", "/v1/modelsx", "/v1/Models", "/v1"]],
  ["/v1/a*b", ["/v1/a", "/v1/b", "/v1/ab/b", "/v1/a%2Fb"]],
  ["/v1/aa*aa", ["/v1/aaa"]],
  ["/a.c", ["/abc"]],
  ["/repos/**", ["/reposx", "/repo", "/x/repos"]],
  ["/**/info", ["/info/", "/ainfo", "/info/x"]],
] as const) {
  test(`${pattern} does not fit ${paths.join(", ")}`, () => {
    for (const path of paths) assert.ok(!fits(pattern, path), path);
  });
}

test("a path that servers may read differently fits nothing", () => {
  for (const path of [
    "",
    "*",
    "v1/x",
    "http://example.com/v1/x",
    "/v1/../admin",
    "/v1/%2e%2e/admin",
    "/v1/%2E./admin",
    "/v1/.%2e/admin",
    "/v1/./x",
    "/v1/..",
    "/v1/.",
    "/..",
    "/v1//x",
    "//v1/x",
    "/v1/x//",
    "/v1/..;/admin",
    "/v1/..;a=b/admin",
    "/v1/.;/x",
    "/v1/..%3b/admin",
    "/v1\\..\\admin",
    "/v1/..%5cadmin",
    "/v1/%5c",
    "/v1/x%00",
    "/v1/x\0",
    "/v1/%0d%0aHost:%20evil",
    "/v1/x\ty",
    "/v1/%",
    "/v1/%zz",
    "/v1/%252e%252e/admin",
    "/v1/%252fadmin",
    "/v1/%255c",
    "/v1/%25252e",
    "/v1/%c0%ae%c0%ae/admin",
    "/v1/%c0%af",
    "/v1/%e0%80%ae",
    "/v1/%ff",
    "/v1/..%2fadmin",
    "/v1/..%2Fadmin",
    "/v1/x%2f..%2f..%2fadmin",
    "/v1/%2f",
    "/v1/%2fadmin",
    "/v1/a%2f/b",
    "/v1/;x/y",
    "/v1#/x",
    "/admin?/v1/x",
    "/v1/ü",
    "/v1/a b",
    `/${"a".repeat(MAX_PATH_LENGTH)}`,
  ])
    assert.equal(readPath(path), null, path);
});

test("an encoded slash must fit both as a character and as a slash", () => {
  assert.deepEqual(readPath("/@scope%2fname"), [["@scope/name"], ["@scope", "name"]]);
  assert.deepEqual(readPath("/a%2f"), [["a/"], ["a", ""]]);
  assert.ok(fits("/**", "/@scope%2fname"));
  assert.ok(!fits("/@scope/*", "/@scope%2fname"));
  assert.ok(!fits("/@scope%2f*", "/@scope%2Fname"));
  assert.ok(fits(["/@scope/*", "/@scope%2F*"], "/@scope%2fname"));
  assert.ok(!fits(["/@scope/*", "/@scope%2F*"], "/@other%2fname"));
  assert.ok(!fits("/*", "/a%2fb"));
  assert.ok(!fits("/*/*", "/a%2fb"));
});

test("a path with parameters must fit both with and without them", () => {
  assert.deepEqual(readPath("/a;x=1/b;y"), [
    ["a;x=1", "b;y"],
    ["a", "b"],
  ]);
  assert.deepEqual(readPath("/a;b%2fc"), [["a;b/c"], ["a;b", "c"], ["a"], ["a", "c"]]);
  assert.ok(fits("/v1/*", "/v1/a;x=1"));
  assert.ok(!fits("/*.css", "/admin;.css"));
  assert.ok(!fits("/*.css", "/admin%3B.css"));
  assert.ok(!fits("/a/*.css", "/a/b%2fadmin;%2f.css"));
  assert.ok(!fits("/v1/*", "/v1;x/a"));
});

test("patterns that no path could fit are refused", () => {
  for (const [text, reason] of [
    ["", 'it does not start with "/"'],
    ["v1/*", 'it does not start with "/"'],
    ["/v1?x", "it contains a query or a fragment; only paths are compared"],
    ["/a**", '"**" must be a whole segment'],
    ["/a//b", "it contains an empty segment"],
    ["/a/../b", "it contains a segment that no request can match"],
    ["/a/%zz", "it contains a segment that no request can match"],
    ["/a\\b", "it contains a segment that no request can match"],
    ["/**/**/**/**/**/**/**/**/**", 'it has more than 8 "**"'],
    [`/${"a".repeat(1024)}`, "it is longer than 1024 characters"],
  ] as const) {
    assert.throws(
      () => parsePathPattern(text),
      (error) => error instanceof PathPatternError && error.message.endsWith(`is not valid: ${reason}.`),
      text,
    );
  }
});

test("a path made to be slow is not", { timeout: 5000 }, () => {
  assert.ok(!fits(`/${"a*".repeat(500)}b`, `/${"a".repeat(16_000)}`));
  assert.ok(!fits("/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b", `${"/a".repeat(8000)}`));
});

const segment = fc.oneof(
  fc.constantFrom("a", "b", "ab", "..", ".", "%2e%2e", "", "a%2fb", "..%2f", "%252e", "*"),
  fc.string({ unit: fc.constantFrom("a", "%", "2", "f", "e", ".", ";", "\\", "#", "?"), maxLength: 5 }),
);
const anyPath = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join("/")}`);

test("what fits below /v1 is below /v1 for parsers of URLs, however often it is decoded", () =>
  property(
    [anyPath],
    (tail) => {
      const path = `/v1${tail}`;
      if (!fits("/v1/**", path)) return;
      let read = path;
      for (let decoded = 0; decoded < 4; decoded++) {
        const { pathname } = new URL(`http://x${read}`);
        assert.match(pathname, /^\/v1(\/|$)/, `${path} is read as ${read}`);
        try {
          read = decodeURIComponent(read);
        } catch {
          return;
        }
      }
    },
    { runs: 5000 },
  ));

/** The same by a regular expression, for patterns and paths without escapes. */
test("patterns fit what a regular expression says", () =>
  property(
    [
      fc
        .array(fc.oneof(fc.constantFrom("**", "*", "a*", "*a*"), fc.constantFrom("a", "b")), {
          minLength: 1,
          maxLength: 4,
        })
        .map((parts) => `/${parts.join("/")}`),
      fc
        .array(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 5,
        })
        .map((parts) => `/${parts.join("/")}`),
    ],
    (pattern, path) => {
      const source = pattern
        .replaceAll("/**", "(/D)*")
        .replaceAll("*a*", "[^/]*a[^/]*")
        .replace(/\/\*|(?<=[ab])\*(?!a)/g, (text) => (text === "/*" ? "/[^/]*" : "[^/]*"))
        .replaceAll("/D", "/[^/]*");
      const expected = new RegExp(`^${source}$`).test(path);
      assert.equal(fits(pattern, path), expected, source);
    },
    { runs: 3000 },
  ));

test("any text is read as a path or not, never an error", () =>
  property([fc.string({ unit: "binary" }).map((text) => `/${text}`)], (path) => void readPath(path), { runs: 2000 }));

import assert from "node:assert/strict";
import { test } from "node:test";
import { fc, property } from "../../testing/property.ts";
import { parseAddress } from "./address.ts";
import { authorityText, type HostRef, hostText, parseAuthority, parseHost, sameHost } from "./host.ts";
import { canonicalName } from "./name.ts";
import { isPublic } from "./range.ts";

test("a host is a name, IPv4, or IPv6 in brackets", () => {
  assert.deepEqual(parseHost("Example.COM."), { name: "example.com" });
  assert.deepEqual(parseHost("192.0.2.1"), { address: parseAddress("192.0.2.1") });
  assert.deepEqual(parseHost("[2001:DB8::1]"), { address: parseAddress("2001:db8::1") });
  assert.deepEqual(parseHost("[::ffff:10.0.0.1]"), { address: parseAddress("10.0.0.1") });
});

test("what could be read in two ways is no host", () => {
  for (const text of [
    "",
    "::1",
    "2001:db8::1",
    "[::1",
    "::1]",
    "[[::1]]",
    "[]",
    "[1.2.3.4]",
    "[example.com]",
    "[::1]x",
    "[::1%lo]",
    "[::1%25lo]",
    "1.2.3.4.",
    "127.1",
    "0x7f.1",
    "2130706433",
    "example.com:80",
    "user@example.com",
    "example.com/",
    "example.com\0",
    "example.com\0.evil.com",
    "exa mple.com",
    "example.com..",
    "a,b",
    "*.example.com",
  ])
    assert.equal(parseHost(text), null, JSON.stringify(text));
});

test("an authority is a host with or without a port", () => {
  assert.deepEqual(parseAuthority("example.com"), { host: { name: "example.com" }, port: null });
  assert.deepEqual(parseAuthority("example.com:443"), { host: { name: "example.com" }, port: 443 });
  assert.deepEqual(parseAuthority("[2001:db8::1]:80"), { host: { address: parseAddress("2001:db8::1") }, port: 80 });
  assert.deepEqual(parseAuthority("[2001:db8::1]"), { host: { address: parseAddress("2001:db8::1") }, port: null });
  assert.deepEqual(parseAuthority("192.0.2.1:65535"), { host: { address: parseAddress("192.0.2.1") }, port: 65535 });
});

test("what is not quite an authority is none", () => {
  for (const text of [
    "",
    ":",
    ":80",
    "example.com:",
    "example.com:0",
    "example.com:00080",
    "example.com:65536",
    "example.com:+80",
    "example.com: 80",
    "example.com:80 ",
    "example.com:8O",
    "example.com:80:80",
    "2001:db8::1",
    "2001:db8::1:80",
    "[2001:db8::1]80",
    "[2001:db8::1]:",
    "a@example.com:80",
    "user:password@example.com",
    "example.com:80@evil.com",
    "evil.com:80#@example.com:80",
    "https://example.com",
    "example.com:80/",
    "[::1]:80]:80",
    "x".repeat(5000),
  ])
    assert.equal(parseAuthority(text), null, JSON.stringify(text));
});

test("hosts are the same by their one form", () => {
  assert.ok(sameHost(parseHost("EXAMPLE.com.")!, { name: "example.com" }));
  assert.ok(sameHost(parseHost("[::ffff:c000:201]")!, parseHost("192.0.2.1")!));
  assert.ok(!sameHost({ name: "example.com" }, { name: "notexample.com" }));
});

const host: fc.Arbitrary<HostRef> = fc.oneof(
  fc
    .domain()
    .map((text) => ({ name: canonicalName(text)! }))
    .filter(({ name }) => name !== null),
  fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => ({ address: parseAddress(text)! })),
);
const port = fc.option(fc.integer({ min: 1, max: 65_535 }));

test("what is written of a host and port is read back as the same", () =>
  property(
    [host, port],
    (host, port) => {
      assert.deepEqual(parseHost(hostText(host)), host);
      assert.deepEqual(parseAuthority(authorityText(host, port)), { host, port });
    },
    { runs: 2000 },
  ));

test("any text is an authority or none, and its one form stays itself", () =>
  property(
    [
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.webAuthority({ withIPv4: true, withIPv4Extended: true, withIPv6: true, withPort: true, withUserInfo: true }),
      ),
    ],
    (text) => {
      const parsed = parseAuthority(text);
      if (parsed) assert.deepEqual(parseAuthority(authorityText(parsed.host, parsed.port)), parsed);
    },
    { runs: 3000 },
  ));

test("an authority is what parsers of URLs read, wherever there is one", () =>
  property(
    [fc.webAuthority({ withIPv4: true, withIPv4Extended: true, withIPv6: true, withPort: true, withUserInfo: true })],
    (text) => {
      const parsed = parseAuthority(text);
      if (!parsed || !URL.canParse(`http://${text}/`)) return;
      const url = new URL(`http://${text}/`);
      assert.equal(url.username + url.password, "");
      assert.equal(hostText(parseHost(url.hostname)!), hostText(parsed.host));
      assert.equal(url.port === "" ? 80 : Number(url.port), parsed.port ?? 80);
    },
    { runs: 3000 },
  ));

/** Every way in which `inet_aton` lets one write an IPv4 address. */
const notations = (value: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.constantFrom(10, 8, 16)),
      fc.infiniteStream(fc.nat(3)),
      fc.boolean(),
      fc.constantFrom("", "."),
    )
    .map(([count, bases, zeros, upper, end]) => {
      const parts = Array.from({ length: count - 1 }, (_, index) => (value >>> (24 - 8 * index)) & 0xff);
      parts.push(count === 1 ? value : value % 2 ** (8 * (5 - count)));
      const text = parts
        .map((part) => {
          const base = bases.next().value!;
          const padding = base === 10 ? "" : "0".repeat(zeros.next().value!);
          return `${base === 8 ? "0" : base === 16 ? "0x" : ""}${padding}${part.toString(base)}`;
        })
        .join(".");
      return (upper ? text.toUpperCase() : text) + end;
    });
const INNER = [
  0, 0x7f000001, 0x0a000001, 0xac100001, 0xc0a80101, 0xa9fea9fe, 0x64400001, 0xc6120001, 0xe0000001, 0xffffffff,
];

test("an internal address is recognised or refused in every notation", () =>
  property(
    [fc.constantFrom(...INNER).chain((value) => fc.tuple(fc.constant(value), notations(value)))],
    ([value, text]) => {
      const { hostname } = new URL(`http://${text}/`);
      assert.equal(
        hostname,
        [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join("."),
        "the notation is one that others read",
      );
      for (const written of [text, `${text}:80`]) {
        const host = parseAuthority(written)?.host;
        assert.ok(!host || ("address" in host && !isPublic(host.address)), written);
      }
    },
    { runs: 3000 },
  ));

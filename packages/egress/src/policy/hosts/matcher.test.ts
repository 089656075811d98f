import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { test } from "node:test";
import { anyPair, anyPort } from "../../testing/policy.ts";
import { property } from "../../testing/property.ts";
import { type HostRef, parseAuthority } from "./host.ts";
import { matches, restricts } from "./matcher.ts";
import { parsePattern } from "./pattern.ts";

/** Whether a pattern is for a host and port that are written as in a `Host` header. */
function fits(pattern: string, authority: string): boolean {
  const { host, port } = parseAuthority(authority) ?? assert.fail(authority);
  return matches(parsePattern(pattern), host, port ?? 443);
}

for (const [pattern, authorities] of [
  ["example.com", ["example.com", "example.com:80", "EXAMPLE.com.:1", "ｅxample。com"]],
  ["example.com:443", ["example.com:443"]],
  ["*.example.com", ["a.example.com", "a.b.c.example.com:80", "A.EXAMPLE.COM.", "notexample.example.com"]],
  ["*.com", ["example.com", "a.example.com"]],
  ["bücher.example", ["xn--bcher-kva.example", "BÜCHER.example"]],
  ["203.0.113.110", ["203.0.113.110:22", "[::ffff:203.0.113.110]", "[::ffff:cb00:716e]:80"]],
  ["2001:db8::1", ["[2001:db8::1]", "[2001:DB8:0:0:0:0:0:1]:80"]],
  ["[2001:db8::1]:80", ["[2001:db8::1]:80"]],
  ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "[::ffff:10.1.2.3]"]],
  ["10.0.0.0/8:443", ["10.1.2.3:443"]],
  ["0.0.0.0/0", ["1.2.3.4", "255.255.255.255"]],
  ["::/0", ["[::]", "[2001:db8::1]"]],
  ["2001:db8::/32", ["[2001:db8:ffff::1]:1"]],
] as const) {
  test(`${pattern} matches ${authorities.join(", ")}`, () => {
    for (const authority of authorities) assert.ok(fits(pattern, authority), authority);
  });
}

for (const [pattern, authorities] of [
  [
    "example.com",
    ["notexample.com", "example.com.evil.com", "a.example.com", "example.co", "xample.com", "example.comm", "com"],
  ],
  ["example.com:443", ["example.com:444", "example.com:80"]],
  [
    "*.example.com",
    [
      "example.com",
      "notexample.com",
      "a.notexample.com",
      "a.example.com.evil.com",
      "example.com.",
      "com",
      "a-example.com",
    ],
  ],
  ["*.com", ["com", "notcom", "a.notcom"]],
  ["203.0.113.110", ["203.0.113.111", "[2001:db8::1]", "203.0.113.110.example"]],
  ["10.0.0.0/8", ["11.0.0.0", "9.255.255.255", "example.com", "[::10.0.0.1]", "[64:ff9b::10.0.0.1]"]],
  ["10.0.0.0/8:443", ["10.1.2.3:80"]],
  ["::/0", ["1.2.3.4", "[::ffff:1.2.3.4]"]],
  ["0.0.0.0/0", ["[::1]", "[2001:db8::1]"]],
] as const) {
  test(`${pattern} does not match ${authorities.join(", ")}`, () => {
    for (const authority of authorities) assert.ok(!fits(pattern, authority), authority);
  });
}

test("what restricts an IPv4 address also restricts the IPv6 addresses that carry it", () => {
  const carried = [
    "[64:ff9b::203.0.113.7]",
    "[2002:cb00:7107::1]",
    "[::203.0.113.7]",
    "[2001:0:4136:e378:8000:63bf:34ff:8ef8]",
  ];
  for (const pattern of ["203.0.113.7", "203.0.113.0/24", "203.0.113.7:443"]) {
    for (const authority of carried) {
      const { host } = parseAuthority(authority)!;
      assert.ok(restricts(parsePattern(pattern), host, 443), authority);
      assert.ok(!matches(parsePattern(pattern), host, 443), authority);
    }
  }
});

/** Another way to the same answer: label by label, and with Node's own lists of addresses. */
function oracle(pattern: string, host: HostRef, port: number): boolean {
  const [, bracketed, plain = "", patternPort] =
    /^(?:\[(.*)\]|([^:]*|[^\][]*::?[^\][]*\/\d+))(?::(\d+))?$/.exec(pattern) ?? assert.fail(pattern);
  if (patternPort !== undefined && Number(patternPort) !== port) return false;
  const target = bracketed ?? plain;
  if (/[:/]/.test(target) || /^[\d.]+$/.test(target)) {
    if ("name" in host) return false;
    const [base = "", bits] = target.split("/");
    const family = base.includes(":") ? "ipv6" : "ipv4";
    if (family !== `ipv${host.address.family}`) return false;
    const list = new BlockList();
    if (bits === undefined) list.addAddress(base, family);
    else if (bits === "0")
      return true; // BlockList wants at least one bit.
    else list.addSubnet(base, Number(bits), family);
    return list.check(host.address.text, family);
  }
  if ("address" in host) return false;
  const [first, ...rest] = target.split(".");
  const wanted = (first === "*" ? rest : [first, ...rest]).reverse();
  const labels = host.name.split(".").reverse();
  return (
    wanted.every((label, index) => labels[index] === label) &&
    (first === "*" ? labels.length > wanted.length : labels.length === wanted.length)
  );
}

test("the matcher says what another one says", async () => {
  let matched = 0;
  await property(
    [anyPair, anyPort],
    ([text, host], port) => {
      const expected = oracle(text, host, port);
      if (expected) matched++;
      assert.equal(matches(parsePattern(text), host, port), expected);
      assert.equal(matches(parsePattern(parsePattern(text).text), host, port), expected);
    },
    { runs: 5000 },
  );
  assert.ok(process.env.SANDKEEP_PATH || matched > 100, `only ${matched} matched`);
});

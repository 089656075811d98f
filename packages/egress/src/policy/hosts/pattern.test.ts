import assert from "node:assert/strict";
import { test } from "node:test";
import { anyPattern } from "../../testing/policy.ts";
import { fc, property } from "../../testing/property.ts";
import { MAX_PATTERN_LENGTH, PatternError, parseNamePattern, parsePattern } from "./pattern.ts";

for (const [text, kind, canonical] of [
  ["example.com", "name", "example.com"],
  ["Example.COM.", "name", "example.com"],
  ["example.com:443", "name", "example.com:443"],
  ["bücher.example:443", "name", "xn--bcher-kva.example:443"],
  ["localhost", "name", "localhost"],
  ["*.example.com", "suffix", "*.example.com"],
  ["*.Example.com.:8443", "suffix", "*.example.com:8443"],
  ["*.com", "suffix", "*.com"],
  ["203.0.113.110", "address", "203.0.113.110"],
  ["203.0.113.110:443", "address", "203.0.113.110:443"],
  ["2001:DB8::1", "address", "[2001:db8::1]"],
  ["[2001:db8::1]", "address", "[2001:db8::1]"],
  ["[2001:db8::1]:80", "address", "[2001:db8::1]:80"],
  ["2001:db8::1:abc", "address", "[2001:db8::1:abc]"],
  ["2001:db8:0:0:0:0:0:1", "address", "[2001:db8::1]"],
  ["::1", "address", "[::1]"],
  ["::ffff:10.0.0.1", "address", "10.0.0.1"],
  ["[::ffff:10.0.0.1]:80", "address", "10.0.0.1:80"],
  ["10.0.0.0/8", "range", "10.0.0.0/8"],
  ["10.0.0.0/8:443", "range", "10.0.0.0/8:443"],
  ["192.0.2.1/32", "range", "192.0.2.1/32"],
  ["0.0.0.0/0", "range", "0.0.0.0/0"],
  ["2001:db8::/32", "range", "2001:db8::/32"],
  ["[2001:DB8::/32]", "range", "2001:db8::/32"],
  ["[2001:db8::/32]:443", "range", "[2001:db8::/32]:443"],
] as const) {
  test(`${text} is the ${kind} ${canonical}`, () => {
    const pattern = parsePattern(text);
    assert.equal(pattern.kind, kind);
    assert.equal(pattern.text, canonical);
  });
}

for (const [text, reason] of [
  ["", "it is empty"],
  ["https://x", 'it is a URL; write only the host, such as "x"'],
  ["https://API.example.com:8443/v1?x#y", 'it is a URL; write only the host, such as "api.example.com:8443"'],
  ["https://user:password@example.com/", 'it is a URL; write only the host, such as "example.com"'],
  ["http://*/", 'it is a URL; write only the host, such as "example.com"'],
  ["example.com/v1", "it contains a path; write only the host, and use request rules for paths"],
  ["example.com/8", "it contains a path; write only the host, and use request rules for paths"],
  ["//example.com", "it contains a path; write only the host, and use request rules for paths"],
  ["example.com?x=1", "it contains a query or a fragment; write only the host"],
  ["user@example.com", "it contains a user name or a password; write only the host"],
  ["user:password@example.com:443", "it contains a user name or a password; write only the host"],
  ["exa\0mple.com", "it contains a control character"],
  ["example.com\n", "it contains a control character"],
  [" example.com", "it contains a space"],
  ["example.com\u00a0", "it contains a space"],
  ["%65xample.com", "it contains a percent sign; percent-encoding and IPv6 zones are not supported"],
  ["fe80::1%eth0", "it contains a percent sign; percent-encoding and IPv6 zones are not supported"],
  ["*", '"*" alone would match everything; to allow every public host, leave out allowNet'],
  ["*:443", '"*" alone would match everything; to allow every public host, leave out allowNet'],
  ["*.", '"*" alone would match everything; to allow every public host, leave out allowNet'],
  ["api.*.com", 'a "*" can only be the start of a name, as in "*.example.com"'],
  ["*example.com", 'a "*" can only be the start of a name, as in "*.example.com"'],
  ["*.*.example.com", 'a "*" can only be the start of a name, as in "*.example.com"'],
  ["example.*", 'a "*" can only be the start of a name, as in "*.example.com"'],
  ["**.example.com", 'a "*" can only be the start of a name, as in "*.example.com"'],
  ["192.168.*.*", 'a "*" can only be the start of a name, as in "*.example.com"'],
  ["*.0.0.1", 'what follows "*." is not a valid domain name'],
  [".example.com", 'it starts with a dot; to match every name below a domain, write "*.example.com"'],
  ["example..com", "it is not a valid host name"],
  ["example.com..", "it is not a valid host name"],
  ["a,b.com", "it is not a valid host name"],
  [":443", "it has no host"],
  ["example.com:", "its port is missing after the colon"],
  ["example.com:0", "its port is not a number from 1 to 65535"],
  ["example.com:65536", "its port is not a number from 1 to 65535"],
  ["example.com:https", "its port is not a number from 1 to 65535"],
  ["example.com:080", "its port is not a number from 1 to 65535"],
  ["example.com:*", "its port is not a number from 1 to 65535"],
  ["10.0.0.0/8:0", "its port is not a number from 1 to 65535"],
  ["127.1", 'an IPv4 address is written as four decimal numbers, such as "192.0.2.1", and a range as "192.0.2.0/24"'],
  [
    "0x7f000001:80",
    'an IPv4 address is written as four decimal numbers, such as "192.0.2.1", and a range as "192.0.2.0/24"',
  ],
  [
    "2130706433",
    'an IPv4 address is written as four decimal numbers, such as "192.0.2.1", and a range as "192.0.2.0/24"',
  ],
  [
    "010.0.0.1",
    'an IPv4 address is written as four decimal numbers, such as "192.0.2.1", and a range as "192.0.2.0/24"',
  ],
  ["10/8", 'an IPv4 address is written as four decimal numbers, such as "192.0.2.1", and a range as "192.0.2.0/24"'],
  ["10.0.0.1/8", 'it is not the first address of its range; write "10.0.0.0/8"'],
  ["[2001:db8::1/32]:443", 'it is not the first address of its range; write "2001:db8::/32"'],
  ["10.0.0.0/33", "its prefix length is not a number from 0 to 32"],
  ["10.0.0.0/08", "its prefix length is not a number from 0 to 32"],
  ["2001:db8::/129", "its prefix length is not a number from 0 to 128"],
  ["[2001:db8::/]", "its prefix length is not a number from 0 to 128"],
  ["::ffff:10.0.0.0/104", "it is an IPv4 range in IPv6 notation; write it as IPv4"],
  ["2001:db8::/32:443", 'an IPv6 range with a port needs brackets, as in "[2001:db8::/32]:443"'],
  ["2001:db8::1:80", 'its end could be a port or part of the address; write "[2001:db8::1]:80" or "[2001:db8::1:80]"'],
  ["1:2:3:4:5:6:7:8:80", 'its end could be a port or part of the address; write "[1:2:3:4:5:6:7:8]:80"'],
  ["1:2:3", "it is not an IPv6 address"],
  ["a:b:c", "it is not an IPv6 address"],
  ["[2001:db8::1", "its bracket is not closed"],
  ["[192.0.2.1]", "only IPv6 addresses can be in brackets"],
  ["[::1]80", 'only a port can follow the bracket, as in "[2001:db8::1]:80"'],
  ["[::1]/128", 'only a port can follow the bracket, as in "[2001:db8::1]:80"'],
  ["a".repeat(MAX_PATTERN_LENGTH + 1), `it is longer than ${MAX_PATTERN_LENGTH} characters`],
] as const) {
  test(`${JSON.stringify(text.slice(0, 60))} is refused: ${reason}`, () => {
    assert.throws(
      () => parsePattern(text),
      (error) => {
        assert.ok(error instanceof PatternError);
        assert.deepEqual([error.pattern, error.reason], [text, reason]);
        return true;
      },
    );
  });
}

test("an error names the pattern, escaped and not endless", () => {
  assert.throws(() => parsePattern("https://x"), {
    message: 'The pattern "https://x" is not valid: it is a URL; write only the host, such as "x".',
  });
  assert.throws(() => parsePattern("a\r\nb"), {
    message: 'The pattern "a\\r\\nb" is not valid: it contains a control character.',
  });
  assert.throws(
    () => parsePattern("x/".repeat(10_000)),
    (error: Error) => error.message.length < 300,
  );
});

test("a secret's hosts are names", () => {
  assert.equal(parseNamePattern("*.example.com:443").text, "*.example.com:443");
  for (const text of ["203.0.113.1", "[2001:db8::1]:443", "10.0.0.0/8"])
    assert.throws(() => parseNamePattern(text), /use the host's name/);
});

test("what a pattern is written as is read back as the same", () =>
  property(
    [anyPattern],
    (text) => {
      const pattern = parsePattern(text);
      assert.deepEqual(parsePattern(pattern.text), pattern);
    },
    { runs: 2000 },
  ));

test("any text is a pattern, or refused with a PatternError", () =>
  property(
    [
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.string({ unit: fc.constantFrom(..."abx019.:/[]*@%- \0"), maxLength: 20 }),
        fc.webUrl(),
      ),
    ],
    (text) => {
      try {
        parsePattern(text);
      } catch (error) {
        assert.ok(error instanceof PatternError);
      }
    },
    { runs: 5000 },
  ));

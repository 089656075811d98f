import assert from "node:assert/strict";
import { test } from "node:test";
import { fc, property } from "../../testing/property.ts";
import { addressBytes, addressFromBytes, makeAddress, parseAddress, samePrefix } from "./address.ts";

for (const [text, canonical] of [
  ["0.0.0.0", "0.0.0.0"],
  ["192.0.2.1", "192.0.2.1"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["2001:DB8::0001", "2001:db8::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["1:2:3:4:5:6:192.0.2.33", "1:2:3:4:5:6:c000:221"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::FFFF:C000:201", "192.0.2.1"],
  ["0:0:0:0:0:ffff:127.0.0.1", "127.0.0.1"],
] as const) {
  test(`${text} is ${canonical}`, () => assert.equal(parseAddress(text)?.text, canonical));
}

test("an IPv4-mapped address is IPv4", () => {
  assert.deepEqual(parseAddress("::ffff:127.0.0.1"), { family: 4, text: "127.0.0.1", value: 0x7f000001n });
  assert.deepEqual(
    addressFromBytes(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1])),
    parseAddress("10.0.0.1"),
  );
});

test("other notations are no addresses", () => {
  for (const text of [
    "",
    "1",
    "127.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.01",
    "127.0.0.1.",
    "127.0.0.1 ",
    "\n127.0.0.1",
    "127.0.0.1\0",
    "1.2.3.4.5",
    "256.0.0.1",
    "1.2.3.-4",
    "+1.2.3.4",
    "１.2.3.4",
    "[::1]",
    "::1%lo",
    "fe80::1%25eth0",
    ":::",
    "1::2::3",
    ":1",
    "1:",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "::g",
    "::1.2.3",
    "::1.2.3.04",
    "1.2.3.4::",
    "::ffff:1.2.3.4.5",
    "::1/128",
    "localhost",
    "1:2:3:4:5:6:7:1.2.3.4",
  ])
    assert.equal(parseAddress(text), null, JSON.stringify(text));
});

test("only 4 or 16 bytes are an address", () => {
  for (const length of [0, 3, 5, 15, 17]) assert.equal(addressFromBytes(new Uint8Array(length)), null);
});

test("prefixes of different families are never the same", () => {
  assert.equal(samePrefix(parseAddress("0.0.0.0")!, parseAddress("::")!, 0), false);
});

const bytes = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc
    .array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: 16, maxLength: 16 })
    .map((list) => Uint8Array.from(list)),
);

test("text, number and bytes of an address say the same", () =>
  property(
    [bytes],
    (bytes) => {
      const address = addressFromBytes(bytes)!;
      assert.deepEqual(parseAddress(address.text), address);
      assert.deepEqual(makeAddress(address.family, address.value), address);
      assert.deepEqual(addressFromBytes(addressBytes(address)), address);
    },
    { runs: 2000 },
  ));

test("addresses are written as parsers of URLs write them", () =>
  property(
    [
      fc.oneof(
        fc.ipV6(),
        fc.ipV4(),
        bytes.map((bytes) => addressFromBytes(bytes)!.text),
      ),
    ],
    (text) => {
      const address = parseAddress(text);
      assert.ok(address, text);
      const { hostname } = new URL(text.includes(":") ? `http://[${text}]/` : `http://${text}/`);
      if (hostname.startsWith("[::ffff:")) assert.equal(address.family, 4);
      else assert.equal(address.family === 6 ? `[${address.text}]` : address.text, hostname);
    },
    { runs: 2000 },
  ));

test("any text is an address or none, never an error", () =>
  property(
    [fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF:.%[]/x\0 "), maxLength: 50 })],
    (text) => void parseAddress(text),
    { runs: 3000 },
  ));

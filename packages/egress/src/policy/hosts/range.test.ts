import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { test } from "node:test";
import { fc, property } from "../../testing/property.ts";
import { type Address, addressFromBytes, makeAddress, parseAddress } from "./address.ts";
import { addressRange, embeddedAddress, isPublic } from "./range.ts";

const of = (text: string) => parseAddress(text) ?? assert.fail(text);

for (const [range, texts] of Object.entries({
  unspecified: ["0.0.0.0", "::"],
  loopback: [
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "2002:7f00:1::",
  ],
  private: [
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.168.0.1",
    "fc00::",
    "fdff:ffff::1",
    "fd64:6464:6464:1::1",
    "fec0::1",
    "64:ff9b::10.0.0.1",
    "2002:c0a8:101::1",
  ],
  "link-local": ["169.254.0.1", "169.254.255.255", "fe80::1", "febf::1"],
  metadata: [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
  ],
  multicast: ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
  broadcast: ["255.255.255.255"],
  shared: ["100.64.0.0", "100.127.255.255", "100.100.100.100"],
  benchmarking: ["198.18.0.0", "198.19.255.255"],
  reserved: [
    "0.0.0.1",
    "0.255.255.255",
    "192.0.0.1",
    "192.88.99.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "240.0.0.1",
    "255.255.255.254",
    "::2",
    "::8.8.8.8",
    "100::1",
    "64:ff9b:1::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:1ff:ffff::1",
    "2002:808:808::1",
    "2620:4f:8000::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "f000::1",
    "::ffff:0:1:2:3",
  ],
  public: [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.2.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.100.1",
    "203.0.113.110",
    "223.255.255.255",
    "2001:200::",
    "2001:db8::1",
    "2001:db8:ffff::1",
    "2606:4700::1111",
    "2620:4f:8001::",
    "2a00::1",
    "3ffe::1",
    "64:ff9b::8.8.8.8",
    "64:ff9b::203.0.113.1",
  ],
})) {
  test(`${range}: ${texts.slice(0, 3).join(", ")}, …`, () => {
    for (const text of texts) assert.equal(addressRange(of(text)), range, text);
  });
}

test("the IPv4 address within an IPv6 address is found", () => {
  for (const [text, embedded] of [
    ["64:ff9b::192.0.2.33", "192.0.2.33"],
    ["::192.0.2.33", "192.0.2.33"],
    ["2002:c000:221::1", "192.0.2.33"],
    ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45"],
    ["::", undefined],
    ["::1", undefined],
    ["2001:db8::192.0.2.33", undefined],
    ["192.0.2.33", undefined],
  ] as const)
    assert.equal(embeddedAddress(of(text))?.text, embedded, text);
});

/** Node's own comparison, with the ranges that must never be reached as IANA's registries list them. */
const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const cidr of [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "168.63.129.16/32",
  "::/8",
  "100::/64",
  "100:0:0:1::/64",
  "2001::/23",
  "2002::/16",
  "2620:4f:8000::/48",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
]) {
  const [base = "", bits] = cidr.split("/");
  const family = base.includes(":") ? "ipv6" : "ipv4";
  lists[family].addSubnet(base, Number(bits), family);
}
const listed = ({ text, family }: Address) => lists[`ipv${family}`].check(text, `ipv${family}`);

const IPV4 = [0x00, 0x0a, 0x64, 0x7f, 0xa8, 0xa9, 0xac, 0xc0, 0xc6, 0xcb, 0xe0, 0xf0, 0xff];
const near = fc.tuple(
  fc.oneof(fc.constantFrom(...IPV4), fc.nat(255)),
  fc.oneof(fc.constantFrom(0, 16, 18, 31, 52, 63, 64, 88, 168, 175, 254), fc.nat(255)),
  fc.nat(255),
  fc.nat(255),
);

test("an IPv4 address is public exactly when no range of the registries has it", () =>
  property(
    [near],
    (bytes) => {
      const address = addressFromBytes(Uint8Array.from(bytes))!;
      assert.equal(isPublic(address), !listed(address), address.text);
    },
    { runs: 5000 },
  ));

const start = fc.constantFrom(
  0x0000n,
  0x0064n,
  0x0100n,
  0x2000n,
  0x2001n,
  0x2002n,
  0x2620n,
  0x2a00n,
  0x3ffen,
  0x3fffn,
  0x5f00n,
  0xfc00n,
  0xfe80n,
  0xfec0n,
  0xff02n,
);

test("an IPv6 address that a registry lists is public only through NAT64, and only if its IPv4 address is", () =>
  property(
    [
      fc.oneof(start, fc.bigInt(0n, 0xffffn)),
      fc.oneof(fc.constantFrom(0n, 0x4fn, 0xff9bn, 0xdb8n), fc.bigInt(0n, 0xffffn)),
      fc.oneof(fc.nat(9).map(BigInt), fc.bigInt(0n, 2n ** 96n - 1n)),
    ],
    (a, b, rest) => {
      const address = makeAddress(6, (a << 112n) | (b << 96n) | rest);
      if (address.family === 4 || !listed(address)) return;
      const nat64 = a === 0x64n && b === 0xff9bn && rest < 2n ** 32n;
      assert.equal(isPublic(address), nat64 && isPublic(makeAddress(4, rest)), address.text);
    },
    { runs: 5000 },
  ));

test("what is neither given out (2000::/3) nor NAT64 is not public", () =>
  property([fc.bigInt(0n, 2n ** 128n - 1n)], (value) => {
    const address = makeAddress(6, value);
    if (value >> 125n !== 1n && address.family === 6 && value >> 32n !== 0x64ff9b0000000000000000n)
      assert.equal(isPublic(address), false, address.text);
  }));

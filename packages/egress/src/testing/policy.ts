/** Values for property-based tests of policy. */

import { parseAddress } from "../policy/hosts/address.ts";
import type { HostRef } from "../policy/hosts/host.ts";
import { canonicalName } from "../policy/hosts/name.ts";
import { fc } from "./property.ts";

/** Names from a few labels, so that some are equal to, or below, others. */
export const anyName: fc.Arbitrary<string> = fc
  .array(fc.constantFrom("a", "com", "notcom"), { minLength: 1, maxLength: 3 })
  .map((labels) => labels.join("."));

/** Addresses close to each other and to the edges of special ranges. */
export const anyAddressText: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "127.0.0.1",
      "10.0.0.1",
      "169.254.169.254",
      "203.0.113.1",
      "203.0.113.2",
      "8.8.8.8",
      "0.0.0.0",
      "255.255.255.255",
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "::",
      "::1",
      "2001:db8::1",
      "2001:db8::2",
      "fd00::1",
      "fe80::1",
      "64:ff9b::7f00:1",
      "64:ff9b::cb00:7101",
      "2002:7f00:1::",
    ),
  },
  fc.ipV4(),
  fc.ipV6().filter((text) => parseAddress(text)?.family === 6),
);

/** Ports, of which few, so that patterns often have them. */
export const anyPort: fc.Arbitrary<number> = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(80, 443) },
  fc.integer({ min: 1, max: 65_535 }),
);

const nameHost: fc.Arbitrary<HostRef> = anyName.map((name) => ({ name: canonicalName(name)! }));
const addressHost: fc.Arbitrary<HostRef> = anyAddressText.map((text) => ({ address: parseAddress(text)! }));
export const anyHost: fc.Arbitrary<HostRef> = fc.oneof(nameHost, addressHost);

const withPort = (text: fc.Arbitrary<string>) =>
  fc.tuple(text, fc.option(anyPort)).map(([text, port]) => (port === null ? text : `${text}:${port}`));

/** The start of a range: all but the first `bits` are zero. Written without `::`, as the matcher never would. */
const rangeStart = fc
  .tuple(anyAddressText, fc.oneof(fc.constantFrom(0, 8, 32, 128), fc.nat(128)))
  .map(([text, length]) => {
    const { family, value } = parseAddress(text)!;
    const width = family === 4 ? 32 : 128;
    const bits = length % (width + 1);
    const groups = family === 4 ? 4 : 8;
    const digits = ((value >> BigInt(width - bits)) << BigInt(width - bits)).toString(2).padStart(width, "0");
    const parts = Array.from({ length: groups }, (_, index) =>
      parseInt(digits.slice((index * width) / groups, ((index + 1) * width) / groups), 2),
    );
    return { base: parts.map((part) => part.toString(family === 4 ? 10 : 16)).join(family === 4 ? "." : ":"), bits };
  })
  .filter(({ base }) => !base.startsWith("0:0:0:0:0:ffff:"));

const anyRange: fc.Arbitrary<string> = rangeStart.chain(({ base, bits }) =>
  fc
    .option(anyPort)
    .map((port) =>
      base.includes(":") && port !== null
        ? `[${base}/${bits}]:${port}`
        : `${base}/${bits}${port === null ? "" : `:${port}`}`,
    ),
);

const namePattern = withPort(
  fc.oneof(
    anyName,
    anyName.map((name) => `*.${name}`),
  ),
);
const addressPattern = fc.oneof(
  withPort(anyAddressText.map((text) => (text.includes(":") ? `[${text}]` : text))),
  anyRange,
);

/** Texts that are patterns. */
export const anyPattern: fc.Arbitrary<string> = fc.oneof(namePattern, addressPattern);

/** A pattern and a host, often of the same kind. */
export const anyPair: fc.Arbitrary<[pattern: string, host: HostRef]> = fc.oneof(
  fc.tuple(namePattern, nameHost),
  fc.tuple(addressPattern, addressHost),
  fc.tuple(anyPattern, anyHost),
);

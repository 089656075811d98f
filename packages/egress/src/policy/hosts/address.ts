import { isIPv4, isIPv6 } from "node:net";

/** An IP address. Two are equal exactly if `family` and `value` are. */
export interface Address {
  readonly family: 4 | 6;
  /** Dotted decimal, or RFC 5952. */
  readonly text: string;
  readonly value: bigint;
}

/** Length of an address in bits. */
export const ADDRESS_BITS = { 4: 32, 6: 128 } as const;

/** `::ffff:0:0/96`: IPv4-mapped IPv6 addresses (RFC 4291 §2.5.5.2). The kernel dials the IPv4 address. */
const MAPPED_PREFIX = 0xffffn;

/**
 * Parses an address. Accepts only the plain notations: four decimal numbers without leading zeros, or IPv6 without a zone and without
 * brackets. An IPv4-mapped address (`::ffff:192.0.2.1`) becomes the IPv4 address.
 */
export function parseAddress(text: string): Address | null {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return null;
  if (isIPv4(text)) return makeAddress(4, fromIPv4(text));
  if (isIPv6(text)) return makeAddress(6, fromIPv6(text));
  return null;
}

/** An address from its 4 or 16 bytes in network order; null for any other length. */
export function addressFromBytes(bytes: Uint8Array): Address | null {
  if (bytes.length !== 4 && bytes.length !== 16) return null;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return makeAddress(bytes.length === 4 ? 4 : 6, value);
}

/** The 4 or 16 bytes of an address in network order. */
export function addressBytes({ family, value }: Address): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BITS[family] / 8);
  for (let index = bytes.length - 1, rest = value; index >= 0; index--, rest >>= 8n)
    bytes[index] = Number(rest & 0xffn);
  return bytes;
}

/** An address from its number. */
export function makeAddress(family: 4 | 6, value: bigint): Address {
  if (family === 6 && value >> 32n === MAPPED_PREFIX) return makeAddress(4, value & 0xffff_ffffn);
  return { family, value, text: family === 4 ? textOfIPv4(value) : textOfIPv6(value) };
}

/** Whether the first `bits` bits of two addresses are equal. */
export function samePrefix(a: Address, b: Address, bits: number): boolean {
  const rest = BigInt(ADDRESS_BITS[a.family] - bits);
  return a.family === b.family && a.value >> rest === b.value >> rest;
}

function fromIPv4(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function fromIPv6(text: string): bigint {
  const tail = /[0-9.]*\.[0-9.]*$/.exec(text)?.[0];
  if (tail !== undefined) {
    const value = fromIPv4(tail);
    return fromIPv6(`${text.slice(0, -tail.length)}${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`);
  }
  const [head = "", rest] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const before = groups(head);
  const after = groups(rest ?? "");
  const zeros = Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function textOfIPv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
}

/** RFC 5952 §4: lower case, no leading zeros, `::` for the longest run of two or more zero groups, the first of equals. */
function textOfIPv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (groups[end] === "0") end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  if (best.length < 2) return groups.join(":");
  return `${groups.slice(0, best.start).join(":")}::${groups.slice(best.start + best.length).join(":")}`;
}

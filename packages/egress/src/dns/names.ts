/** The synthetic addresses of one sandbox, and the names they stand for. */
import { createHash } from "node:crypto";
import type { Address } from "../policy/mod.ts";

/** Addresses of 198.18.0.0/15 without the first and the last. */
const FIRST = 1;
const LAST = 2 ** 17 - 2;
/** Names of one sandbox; beyond that the least recently queried one is evicted. Half of the addresses, so that a free one is found quickly. */
const MAX_NAMES = 32_768;

const V4_BASE = (198n << 24n) | (18n << 16n);
const V4_PREFIX_BITS = 15n;
const V6_BASE = 0xfd64_6464_6464_0001n << 64n;

/** What an address means inside a sandbox: a name, an evicted name, or the address itself. */
export type Meaning = { kind: "name"; name: string } | { kind: "forgotten" } | { kind: "itself" };

/**
 * Maps names to synthetic addresses. The search for a free number begins at the name's hash, so after a restart the proxy mostly
 * assigns the same addresses again, which programs may still hold.
 */
export class SyntheticNames {
  /** In order of their last query. */
  readonly #numbers = new Map<string, number>();
  readonly #names = new Map<number, string>();

  /** The addresses that stand for a canonical name. */
  addressesOf(name: string): { v4: string; v6: string } {
    const number = this.#numberOf(name);
    const v4 = Number(V4_BASE) + number;
    return {
      v4: [v4 >>> 24, (v4 >>> 16) & 255, (v4 >>> 8) & 255, v4 & 255].join("."),
      v6: `fd64:6464:6464:1::${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`,
    };
  }

  /** What an address means to the guest. */
  meaningOf(address: Address): Meaning {
    const number = numberIn(address);
    if (number === null) return { kind: "itself" };
    const name = this.#names.get(number);
    return name === undefined ? { kind: "forgotten" } : { kind: "name", name };
  }

  #numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) {
      this.#numbers.delete(name);
      this.#numbers.set(name, known);
      return known;
    }
    if (this.#numbers.size >= MAX_NAMES) {
      const [oldest, number] = this.#numbers.entries().next().value!;
      this.#numbers.delete(oldest);
      this.#names.delete(number);
    }
    let number = FIRST + (createHash("sha256").update(name).digest().readUInt32BE(0) % (LAST - FIRST + 1));
    while (this.#names.has(number)) number = number === LAST ? FIRST : number + 1;
    this.#numbers.set(name, number);
    this.#names.set(number, name);
    return number;
  }
}

/** The number in a synthetic address; null for any other address. */
function numberIn({ family, value }: Address): number | null {
  if (family === 4)
    return value >> (32n - V4_PREFIX_BITS) === V4_BASE >> (32n - V4_PREFIX_BITS) ? Number(value - V4_BASE) : null;
  if (value >> 64n !== V6_BASE >> 64n) return null;
  const number = value - V6_BASE;
  return number <= BigInt(LAST) ? Number(number) : -1;
}

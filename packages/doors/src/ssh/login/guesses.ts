import { isIPv6 } from "node:net";
import { GUESSES_MS, MAX_GUESSERS, MAX_GUESSES } from "../limits.ts";

/** Counts unknown user names by the address that they come from, and says which addresses have tried too many. */
export class Guesses {
  readonly #counts = new Map<string, { guesses: number; since: number }>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether this address has to wait. */
  tooMany(address: string): boolean {
    return (this.#current(network(address))?.guesses ?? 0) >= MAX_GUESSES;
  }

  /** This address has sent an unknown user name. */
  add(address: string): void {
    const key = network(address);
    const count = this.#current(key) ?? { guesses: 0, since: this.#now() };
    count.guesses++;
    this.#counts.delete(key);
    this.#counts.set(key, count);
    // The one that has been quiet for longest.
    if (this.#counts.size > MAX_GUESSERS) this.#counts.delete(this.#counts.keys().next().value!);
  }

  #current(key: string): { guesses: number; since: number } | undefined {
    const count = this.#counts.get(key);
    if (!count || this.#now() - count.since < GUESSES_MS) return count;
    this.#counts.delete(key);
    return undefined;
  }
}

/** An IPv4 address, or the first 64 bits of an IPv6 address: one client can use all addresses below those. */
export function network(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  // Every form that a socket reports has its first four groups, or a `::` among them.
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const before = head ? head.split(":") : [];
  const after = tail ? tail.split(":") : [];
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, missing)).fill("0"), ...after];
  return `${groups.slice(0, 4).join(":")}::/64`;
}

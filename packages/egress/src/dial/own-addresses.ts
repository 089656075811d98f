/** The addresses of the machine that the proxy runs on: inner, however public they look. */
import { networkInterfaces } from "node:os";
import { type Address, parseAddress } from "../policy/mod.ts";

/** Interfaces change rarely; they are looked at again after so long, milliseconds. */
const REFRESH_MS = 5_000;

let known = new Set<string>();
let lookedAt = -Infinity;

/** Whether an address is one of this machine's own. */
export function isOwn(address: Address): boolean {
  if (performance.now() - lookedAt > REFRESH_MS) {
    const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    known = new Set(all.map((one) => parseAddress(one.address.split("%")[0]!)?.text ?? ""));
    lookedAt = performance.now();
  }
  return known.has(address.text);
}

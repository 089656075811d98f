/** The host's own addresses. They count as internal, however public they look. */
import { networkInterfaces } from "node:os";
import { type Address, parseAddress } from "../policy/mod.ts";

/** How long the list of addresses is cached, milliseconds. Interfaces change rarely. */
const REFRESH_MS = 5_000;

let known = new Set<string>();
let lookedAt = -Infinity;

/** Whether an address is one of this host's own. */
export function isOwn(address: Address): boolean {
  if (performance.now() - lookedAt > REFRESH_MS) {
    const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    known = new Set(all.map((one) => parseAddress(one.address.split("%")[0]!)?.text ?? ""));
    lookedAt = performance.now();
  }
  return known.has(address.text);
}

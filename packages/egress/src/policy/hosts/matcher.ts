import { ADDRESS_BITS, samePrefix } from "./address.ts";
import type { HostRef } from "./host.ts";
import type { Pattern } from "./pattern.ts";
import { embeddedAddress } from "./range.ts";

/** Whether a pattern is for this host and port. Nothing is resolved: patterns of names are for names, those of addresses for addresses. */
export function matches(pattern: Pattern, host: HostRef, port: number): boolean {
  if (pattern.port !== null && pattern.port !== port) return false;
  switch (pattern.kind) {
    case "name":
      return "name" in host && host.name === pattern.name;
    case "suffix":
      return "name" in host && host.name.endsWith(`.${pattern.suffix}`);
    case "address":
      return "address" in host && samePrefix(host.address, pattern.address, ADDRESS_BITS[pattern.address.family]);
    case "range":
      return "address" in host && samePrefix(host.address, pattern.base, pattern.bits);
  }
}

/**
 * Whether a pattern that restricts is for this host and port: also by the IPv4 address that an IPv6 address carries, since that is
 * where a translator would take the connection.
 */
export function restricts(pattern: Pattern, host: HostRef, port: number): boolean {
  if (matches(pattern, host, port)) return true;
  const embedded = "address" in host ? embeddedAddress(host.address) : null;
  return embedded !== null && matches(pattern, { address: embedded }, port);
}

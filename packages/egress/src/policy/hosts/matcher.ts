import { ADDRESS_BITS, samePrefix } from "./address.ts";
import type { HostRef } from "./host.ts";
import type { Pattern } from "./pattern.ts";
import { embeddedAddress } from "./range.ts";

/** Whether a pattern matches a host and port. Resolves nothing: name patterns match names, address patterns match addresses. */
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
 * Whether a restricting pattern applies to a host and port. It also matches the IPv4 address inside an IPv6 address, since a translator
 * would forward the connection there.
 */
export function restricts(pattern: Pattern, host: HostRef, port: number): boolean {
  if (matches(pattern, host, port)) return true;
  const embedded = "address" in host ? embeddedAddress(host.address) : null;
  return embedded !== null && matches(pattern, { address: embedded }, port);
}

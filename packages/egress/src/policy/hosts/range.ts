import { type Address, makeAddress, parseAddress, samePrefix } from "./address.ts";

/** Kinds of addresses. All but `public` are internal: not reachable unless listed. */
export type AddressRange =
  | "public"
  | "loopback"
  | "private"
  | "link-local"
  | "metadata"
  | "multicast"
  | "unspecified"
  | "broadcast"
  | "shared"
  | "benchmarking"
  | "reserved";

/** A special range, or the remaining public addresses. */
export interface SpecialRange {
  range: AddressRange;
  /** Prefix length; 0 for the remaining public IPv4 addresses. */
  bits: number;
}

/**
 * The IANA registries of special-purpose addresses (RFC 6890 and its successors), the more specific before the wider.
 * Documentation ranges count as public: test networks use them. Cloud metadata services are listed separately, even if they lie
 * within a wider range, or look public (Azure's).
 */
const TABLE: [cidr: string, range: AddressRange][] = [
  ["0.0.0.0/32", "unspecified"],
  ["0.0.0.0/8", "reserved"],
  ["10.0.0.0/8", "private"],
  ["100.100.100.200/32", "metadata"], // Alibaba
  ["100.64.0.0/10", "shared"],
  ["127.0.0.0/8", "loopback"],
  ["168.63.129.16/32", "metadata"], // Azure
  ["169.254.169.254/32", "metadata"], // AWS, Google, Azure, DigitalOcean, …
  ["169.254.170.2/32", "metadata"], // AWS: credentials of containers
  ["169.254.170.23/32", "metadata"], // AWS: credentials of pods
  ["169.254.42.42/32", "metadata"], // Scaleway
  ["169.254.0.0/16", "link-local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.192/32", "metadata"], // Oracle
  ["192.0.0.0/24", "reserved"],
  ["192.31.196.0/24", "reserved"], // AS112
  ["192.52.193.0/24", "reserved"], // AMT
  ["192.88.99.0/24", "reserved"], // 6to4 relays
  ["192.168.0.0/16", "private"],
  ["192.175.48.0/24", "reserved"], // AS112
  ["198.18.0.0/15", "benchmarking"],
  ["224.0.0.0/4", "multicast"],
  ["255.255.255.255/32", "broadcast"],
  ["240.0.0.0/4", "reserved"],
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["2001:db8::/32", "public"],
  ["2001::/23", "reserved"], // protocol assignments: Teredo, benchmarking, ORCHID, …
  ["2002::/16", "reserved"], // 6to4
  ["2620:4f:8000::/48", "reserved"], // AS112
  ["3fff::/20", "reserved"], // documentation, but of the new kind
  ["2000::/3", "public"], // global unicast: nothing else is given out
  ["fd00:ec2::254/128", "metadata"], // AWS
  ["fd00:ec2::23/128", "metadata"], // AWS: credentials of pods
  ["fd20:ce::254/128", "metadata"], // Google
  ["fd00:42::42/128", "metadata"], // Scaleway
  ["fd00:c1::a9fe:a9fe/128", "metadata"], // Oracle
  ["fc00::/7", "private"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "private"], // site-local, given up
  ["ff00::/8", "multicast"],
];

/** IPv6 outside the ranges above is unassigned. IANA reserves it in blocks, most of which have this prefix length. */
const UNASSIGNED: SpecialRange = { range: "reserved", bits: 8 };

const RANGES = TABLE.map(([cidr, range]) => {
  const [text = "", bits] = cidr.split("/");
  return { base: parseAddress(text)!, bits: Number(bits), range };
});

/** Prefixes whose addresses contain an IPv4 address that a translator or tunnel would forward to. */
const EMBEDDINGS: { base: Address; bits: number; embedded: (value: bigint) => bigint }[] = [
  { base: parseAddress("64:ff9b::")!, bits: 96, embedded: (value) => value }, // NAT64, RFC 6052
  { base: parseAddress("::")!, bits: 96, embedded: (value) => value }, // IPv4-compatible, RFC 4291 §2.5.5.1
  { base: parseAddress("2002::")!, bits: 16, embedded: (value) => value >> 80n }, // 6to4, RFC 3056
  { base: parseAddress("2001::")!, bits: 32, embedded: (value) => ~value }, // Teredo's client, RFC 4380 §4
];
const NAT64 = EMBEDDINGS[0]!;

/** The IPv4 address inside an IPv6 address (NAT64, 6to4, Teredo, IPv4-compatible), or null. */
export function embeddedAddress(address: Address): Address | null {
  const found = EMBEDDINGS.find(({ base, bits }) => samePrefix(address, base, bits));
  // `::` and `::1` are themselves, not the IPv4 addresses 0.0.0.0 and 0.0.0.1.
  if (!found || address.value <= 1n) return null;
  return makeAddress(4, found.embedded(address.value) & 0xffff_ffffn);
}

/**
 * The special range that an address lies in. An IPv6 address with an IPv4 address inside counts as that too: with NAT64 it is as public as
 * the IPv4 address; tunnels are never public.
 */
export function specialRange(address: Address): SpecialRange {
  const embedded = embeddedAddress(address);
  if (embedded) {
    const { range, bits } = specialRange(embedded);
    // Exactly this address must be listed: the range it seems to be in says nothing about where it leads.
    if (range !== "public") return { range, bits: 128 };
    if (samePrefix(address, NAT64.base, NAT64.bits)) return { range, bits };
  }
  const found = RANGES.find(({ base, bits }) => samePrefix(address, base, bits));
  if (found) return { range: found.range, bits: found.bits };
  return address.family === 6 ? UNASSIGNED : { range: "public", bits: 0 };
}

/** The kind of an address. */
export function addressRange(address: Address): AddressRange {
  return specialRange(address).range;
}

/** Whether an address is reachable without being listed. The caller must exclude the host's own addresses. */
export function isPublic(address: Address): boolean {
  return addressRange(address) === "public";
}

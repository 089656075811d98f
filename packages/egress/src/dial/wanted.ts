import type { Address, Decision, HostRef } from "../policy/mod.ts";

/**
 * A host and port that a sandbox wants to reach. Every step asks for a new decision, because policy may change while a name is looked
 * up, an address does not answer, or an upstream proxy is slow.
 */
export interface Wanted {
  readonly host: HostRef;
  readonly port: number;
  /** Decides on the host, as the guest named it. */
  decide(): Decision;
  /** Decides on an address that is about to be dialled for it. */
  decideAddress(address: Address): Decision;
  /** Cuts something as soon as it is no longer allowed; see `Ongoing.hold`. */
  hold(decide: () => Decision, cut: (why: Decision) => void): () => void;
}

/** Decides on a host that somebody else will dial, at one of these addresses or at one not known here. All known ones must be allowed. */
export function decideRoutes(wanted: Wanted, addresses: readonly Address[]): Decision {
  return addresses.map((address) => decideRoute(wanted, address)).find(({ allowed }) => !allowed) ?? wanted.decide();
}

/** Decides on a host at one of its addresses. Null: no address is known here, or it comes from the configuration. */
export function decideRoute(wanted: Wanted, address: Address | null): Decision {
  const decision = wanted.decide();
  return decision.allowed && address ? wanted.decideAddress(address) : decision;
}

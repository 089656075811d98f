import type { Address, Decision, HostRef } from "../policy/mod.ts";

/**
 * A host and port that a sandbox wants to reach. Policy is asked for its word of the moment at every step: it may change while a
 * name is looked up, an address does not answer, or another proxy takes its time.
 */
export interface Wanted {
  readonly host: HostRef;
  readonly port: number;
  /** The host, as the guest called it. */
  decide(): Decision;
  /** An address that is about to be dialled for it. */
  decideAddress(address: Address): Decision;
  /** Ends something as soon as it may not be any more; see `Ongoing.hold`. */
  hold(decide: () => Decision, cut: (why: Decision) => void): () => void;
}

/** Whether a host may be reached by somebody who picks one of these addresses, or one that is not known here. */
export function decideRoutes(wanted: Wanted, addresses: readonly Address[]): Decision {
  return addresses.map((address) => decideRoute(wanted, address)).find(({ allowed }) => !allowed) ?? wanted.decide();
}

/** Whether a host may be reached at one of its addresses. Null: no address of it is known here, or configuration says what it is. */
export function decideRoute(wanted: Wanted, address: Address | null): Decision {
  const decision = wanted.decide();
  return decision.allowed && address ? wanted.decideAddress(address) : decision;
}

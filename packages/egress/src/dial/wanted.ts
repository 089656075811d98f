import type { Address, HostRef, Judgement } from "../policy/mod.ts";

/**
 * A host and port that a sandbox wants to reach. Policy is asked for its word of the moment at every step: it may change while a
 * name is looked up, an address does not answer, or another proxy takes its time.
 */
export interface Wanted {
  readonly host: HostRef;
  readonly port: number;
  /** The host, as the guest called it. */
  judge(): Judgement;
  /** An address that is about to be dialled for it. */
  judgeAddress(address: Address): Judgement;
  /** Ends something as soon as it may not be any more; see `Ongoing.hold`. */
  hold(judge: () => Judgement, cut: (why: Judgement) => void): () => void;
}

/** Whether a host may be reached by somebody who picks one of these addresses, or one that is not known here. */
export function judgeRoutes(wanted: Wanted, addresses: readonly Address[]): Judgement {
  return addresses.map((address) => judgeRoute(wanted, address)).find(({ allowed }) => !allowed) ?? wanted.judge();
}

/** Whether a host may be reached at one of its addresses. Null: no address of it is known here, or configuration says what it is. */
export function judgeRoute(wanted: Wanted, address: Address | null): Judgement {
  const judgement = wanted.judge();
  return judgement.allowed && address ? wanted.judgeAddress(address) : judgement;
}

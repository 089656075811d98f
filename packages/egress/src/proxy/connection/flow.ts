/** What the proxy is given: a sandbox and its flows. */
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import type { EgressEvent } from "../../contract.ts";
import type { Hooks } from "../../hooks.ts";
import type { HostRef, Judgement, Pattern, Policy, RuleBook } from "../../policy/mod.ts";
import type { Redactor, SecretSet } from "../../secrets/mod.ts";
import type { WindowBudget } from "../http/http2/window-budget.ts";
import type { LeafCertificates } from "../tls/leaf.ts";

/** What is known of one sandbox, live: its members are replaced when policy or secrets change, so they are asked for anew for each request. */
export interface Tenant {
  readonly id: string;
  readonly policy: Policy;
  readonly rules: RuleBook;
  readonly secrets: SecretSet;
  readonly redactor: Redactor;
  readonly windows: WindowBudget;
  /**
   * Dials what policy allows: resolves the name itself, judges each address, and dials exactly one that passed. The socket
   * (a `net.Socket` with `allowHalfOpen`) is destroyed when policy no longer allows the host or that address.
   *
   * @throws {DialFailure}
   */
  dial(host: HostRef, port: number, signal: AbortSignal): Promise<Dialled>;
  /**
   * Judges a host that an HTTP proxy is to dial for the guest, and the addresses of it that are known here. Gives what judges it from
   * then on.
   *
   * @throws {DialFailure}
   */
  judgeIndirect(host: HostRef, port: number, signal: AbortSignal): Promise<() => Judgement>;
  /**
   * Ends something by `cut` at once when `judge` does not allow it now, or after a later change, until the returned function is
   * called.
   */
  hold(judge: () => Judgement, cut: (why: Judgement) => void): () => void;
  /** Reports what went on. Resolves when there is room for another event. */
  report(event: EgressEvent): Promise<void>;
  /** Resolves when there is room for an event: nothing new begins before. */
  room(): Promise<void>;
}

export interface Dialled {
  socket: Duplex;
  /** The address that answered. */
  address: string;
}

/** Why nothing was dialled, or nobody answered; the message is for people. */
export interface DialFailure extends Error {
  /** What a program in the guest is to see, such as `ECONNREFUSED`. */
  errno: string;
  /** Whether policy forbade it; otherwise it was tried. */
  denied: boolean;
  /** The pattern that decided. */
  rule: string | null;
}

/** A TCP connection that a guest wants. */
export interface Flow {
  readonly tenant: Tenant;
  /** A name if the guest asked for one by DNS, otherwise the address. */
  readonly host: HostRef;
  readonly port: number;
  /** As the guest tells it: not to be trusted. */
  readonly process: { pid: number; name: string } | null;
  /** Completes the guest's connection and gives its bytes: end is FIN, destroy a reset. Once, and not after `refuse`. */
  accept(): Duplex;
  /** Refuses it with an errno's name. Once, and not after `accept`. */
  refuse(errno: string): void;
  /** Aborted when the flow is to be cut now: the sandbox is gone, or the guest gave up. */
  readonly signal: AbortSignal;
}

/** What all flows of all sandboxes share. */
export interface Shared {
  readonly leaves: LeafCertificates;
  /** Authorities of upstreams (`tls/upstream-cas.ts`). */
  readonly trust: SecureContext;
  /** Hosts whose TLS is not opened. */
  readonly passThrough: readonly Pattern[];
  readonly hooks: Hooks | null;
}

/** Reads what `Tenant.dial` threw, whatever it was. */
export function dialFailure(error: unknown): Pick<DialFailure, "errno" | "denied" | "rule" | "message"> {
  const { errno, denied, rule, message } = error as Partial<DialFailure>;
  return {
    errno: typeof errno === "string" ? errno : "EHOSTUNREACH",
    denied: denied === true,
    rule: typeof rule === "string" ? rule : null,
    message: typeof message === "string" ? message : "The host cannot be reached.",
  };
}

/** A guest's TCP connection, and what all of them share. */
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import type { Hooks } from "../../hooks.ts";
import type { HostRef, Pattern } from "../../policy/mod.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import type { LeafCertificates } from "../tls/leaf.ts";

/** A TCP connection that a guest wants. */
export interface Flow {
  readonly sandbox: Sandbox;
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
  readonly upstreamCas: SecureContext;
  /** Hosts whose TLS is not opened. */
  readonly passThrough: readonly Pattern[];
  readonly hooks: Hooks | null;
}

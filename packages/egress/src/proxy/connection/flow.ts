/** A guest's TCP connection, and what all connections share. */
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import type { LeafCertificates } from "@sandkeep/common/x509";
import type { Hooks } from "../../hooks.ts";
import type { HostRef, Pattern } from "../../policy/mod.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";

/** A TCP connection that a guest wants. */
export interface Flow {
  readonly sandbox: Sandbox;
  /** The name if the guest looked one up by DNS, otherwise the address. */
  readonly host: HostRef;
  readonly port: number;
  /** As reported by the guest: not trustworthy. */
  readonly process: { pid: number; name: string } | null;
  /** Accepts the guest's connection and returns its byte stream: `end` is a FIN, `destroy` a reset. Call it once, and not after `refuse`. */
  accept(): Duplex;
  /** Refuses it with the name of an errno. Call it once, and not after `accept`. */
  refuse(errno: string): void;
  /** Aborted when the flow must be cut: the sandbox is gone, or the guest gave up. */
  readonly signal: AbortSignal;
}

/** What all flows of all sandboxes share. */
export interface Shared {
  readonly leaves: LeafCertificates;
  /** CAs that upstream certificates are verified against (`tls/upstream-cas.ts`). */
  readonly upstreamCas: SecureContext;
  /** Hosts whose TLS is not intercepted. */
  readonly passThrough: readonly Pattern[];
  readonly hooks: Hooks | null;
}

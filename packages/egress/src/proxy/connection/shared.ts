import { type Authority, LeafCertificates } from "@sandkeep/common/x509";
import type { Hooks } from "../../hooks.ts";
import { parsePattern } from "../../policy/mod.ts";
import { upstreamContext } from "../tls/upstream-cas.ts";
import type { Shared } from "./flow.ts";

export interface SharedOptions {
  authority: Authority;
  /** Certificates of CAs, each as PEM. */
  upstreamCas: readonly string[];
  /** Patterns of hosts whose TLS is not intercepted. */
  passThrough: readonly string[];
  hooks: Hooks | null;
}

/** Prepares what all flows share. @throws {Error} if a pattern or certificate is invalid */
export async function openShared({ authority, upstreamCas, passThrough, hooks }: SharedOptions): Promise<Shared> {
  return {
    leaves: await LeafCertificates.create(authority),
    upstreamCas: upstreamContext(upstreamCas),
    passThrough: passThrough.map(parsePattern),
    hooks,
  };
}

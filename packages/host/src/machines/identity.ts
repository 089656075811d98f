/** What gives a clone its own identity, and a machine the time. */
import { randomBytes } from "node:crypto";
import type { Identity } from "../guest/contract.ts";

/** Entropy for a new machine's random number generator, in bytes: twice the kernel's pool. */
const ENTROPY_BYTES = 64;

/** What a machine needs that stood still. */
export function newMoment(): Pick<Identity, "unixTimeNs" | "entropy"> {
  return {
    unixTimeNs: String(BigInt(Date.now()) * 1_000_000n),
    entropy: randomBytes(ENTROPY_BYTES).toString("base64"),
  };
}

export function newIdentity(id: string, env: Record<string, string>, caCertificates: string[]): Identity {
  return {
    ...newMoment(),
    // A sandbox's id contains underscores, which are not allowed in host names.
    hostname: id.replaceAll(/[^A-Za-z0-9-]/g, "-").slice(0, 63),
    machineId: randomBytes(16).toString("hex"),
    env,
    ...(caCertificates.length > 0 && { caCertificates }),
  };
}

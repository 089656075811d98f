import { hostname, networkInterfaces } from "node:os";
import type { Config } from "../config/schema.ts";

/** All names and addresses at which clients may reach the API. */
export function ownNames(config: Config): string[] {
  const all = new Set(["localhost", "127.0.0.1", "::1", hostname(), ...config.hostnames]);
  const everywhere = config.host === "0.0.0.0" || config.host === "::";
  if (everywhere) {
    for (const addresses of Object.values(networkInterfaces())) {
      // Link-local addresses have a zone, which a certificate cannot contain.
      for (const { address } of addresses ?? []) if (!address.startsWith("fe80:")) all.add(address);
    }
  } else {
    all.add(config.host);
  }
  if (config.publicUrl !== undefined) all.add(new URL(config.publicUrl).hostname.replace(/^\[|\]$/g, ""));
  return [...all];
}

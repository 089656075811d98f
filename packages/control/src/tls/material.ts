import { readFile } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { TlsMaterial } from "./local-ca.ts";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/**
 * Certificate and key for the server, or null for plain HTTP. Tokens must not cross a network in the clear, so by default
 * an address other than loopback gets a certificate from the local CA.
 */
export async function tlsMaterial(config: Config): Promise<TlsMaterial | null> {
  const tls = config.tls === "auto" ? (LOOPBACK.has(config.host) ? false : "local-ca") : config.tls;
  if (tls === false) return null;
  if (tls === "local-ca") {
    // Loaded only when used: it takes longer to load than the rest of the server.
    const { localCa } = await import("./local-ca.ts");
    return await localCa(join(config.dataDir, "tls"), names(config));
  }
  const read = (file: string) =>
    readFile(file, "utf8").catch((error: Error) => {
      throw new ConfigError(`Cannot read the TLS file ${file}: ${error.message}`);
    });
  const [cert, key] = await Promise.all([read(tls.certFile), read(tls.keyFile)]);
  return { cert, key, caFile: null };
}

/** All names and addresses of this computer. */
function names(config: Config): string[] {
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

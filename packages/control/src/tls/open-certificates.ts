import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Logger } from "@sandkeep/common";
import type { Certificates } from "@sandkeep/doors";
import type { AcmeConfig } from "../config/acme.ts";
import { ConfigError } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { VERSION } from "../version.ts";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
/** Folder of the data directory. */
const TLS_DIR = "tls";
/** Port to which certificate authorities connect for HTTP-01. */
const HTTP_PORT = 80;

export interface OpenedCertificates {
  /** Null for plain HTTP. */
  certificates: Certificates | null;
  /** PEM file that clients must trust to reach the server at its origin, if that is the local CA's. */
  caFile: string | null;
}

/**
 * The server's certificates. Tokens must not cross a network in the clear, so by default an address other than loopback gets one from
 * the local CA.
 *
 * @throws {ConfigError}
 */
export async function openCertificates(config: Config, log: Logger): Promise<OpenedCertificates> {
  const tls = config.tls === "auto" ? (LOOPBACK.has(config.host) ? false : "local-ca") : config.tls;
  if (tls === false) return { certificates: null, caFile: null };
  // Loaded only when used: it takes longer to load than the rest of the server.
  const { AcmeCertificates, FileCertificates, LocalCertificates } = await import("@sandkeep/doors/tls");
  const refused = (error: Error): never => {
    throw new ConfigError(error.message, { cause: error });
  };
  if (Array.isArray(tls) || (typeof tls === "object" && "certFile" in tls)) {
    const [first, ...others] = Array.isArray(tls) ? tls : [tls];
    return { certificates: await FileCertificates.open([first!, ...others], log).catch(refused), caFile: null };
  }
  const dir = join(config.dataDir, TLS_DIR);
  const local = await LocalCertificates.open({ dir, names: () => names(config), log });
  if (tls === "local-ca") return { certificates: local, caFile: local.caFile };
  const { acme } = tls;
  const certificates = await AcmeCertificates.open(
    { ...acme, challenge: challengeOf(acme, config.host) },
    { dir: join(dir, "acme"), others: local, userAgent: `sandkeep/${VERSION}`, log },
  ).catch(refused);
  // Without another origin, clients on this computer use an address, for which no authority has a certificate.
  return { certificates, caFile: config.publicUrl === undefined ? local.caFile : null };
}

function challengeOf({ challenge, dnsHook, httpPort = HTTP_PORT }: AcmeConfig, host: string) {
  if (challenge === "dns-01") return { type: challenge, hook: dnsHook! };
  return challenge === "http-01" ? { type: challenge, host, port: httpPort } : { type: challenge };
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

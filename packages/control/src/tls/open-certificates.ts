import { join } from "node:path";
import type { Logger } from "@sandkeep/common";
import type { Certificates } from "@sandkeep/doors";
import type { AcmeConfig } from "../config/acme.ts";
import { ConfigError } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { VERSION } from "../version.ts";
import { LazyCertificates } from "./lazy-certificates.ts";
import { ownNames } from "./own-names.ts";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
/** Folder of the data directory. */
const TLS_DIR = "tls";
/** File in it with the local CA's certificate. */
const CA_FILE = "ca.pem";
/** Port to which certificate authorities connect for HTTP-01. */
const HTTP_PORT = 80;

export interface OpenedCertificates {
  /** Null for plain HTTP only. */
  certificates: Certificates | null;
  /** Whether the server is reached over plain HTTP. Doors may have certificates all the same: their addresses are always `https`. */
  plain: boolean;
  /** PEM file that clients must trust to reach the server at its origin, if that is the local CA's. */
  caFile: string | null;
  /** The same for doors. */
  doorsCaFile: string | null;
}

/**
 * The server's certificates. Tokens must not cross a network in the clear, so by default an address other than loopback gets one from
 * the local CA.
 *
 * @throws {ConfigError}
 */
export async function openCertificates(config: Config, log: Logger): Promise<OpenedCertificates> {
  const tls = config.tls === "auto" ? (LOOPBACK.has(config.host) ? false : "local-ca") : config.tls;
  const dir = join(config.dataDir, TLS_DIR);
  const options = { dir, names: () => ownNames(config), issues: isDoor(config), log };
  if (tls === false && config.tls === false)
    return { certificates: null, plain: true, caFile: null, doorsCaFile: null };
  if (tls === false) {
    const certificates = new LazyCertificates(async () =>
      (await import("@sandkeep/doors/tls")).LocalCertificates.open(options),
    );
    return { certificates, plain: true, caFile: null, doorsCaFile: join(dir, CA_FILE) };
  }
  // Loaded only when used: it takes longer to load than the rest of the server.
  const { AcmeCertificates, FileCertificates, LocalCertificates } = await import("@sandkeep/doors/tls");
  const refused = (error: Error): never => {
    throw new ConfigError(error.message, { cause: error });
  };
  if (Array.isArray(tls) || (typeof tls === "object" && "certFile" in tls)) {
    const [first, ...others] = Array.isArray(tls) ? tls : [tls];
    const certificates = await FileCertificates.open([first!, ...others], log).catch(refused);
    return { certificates, plain: false, caFile: null, doorsCaFile: null };
  }
  const local = await LocalCertificates.open(options);
  const { caFile } = local;
  if (tls === "local-ca") return { certificates: local, plain: false, caFile, doorsCaFile: caFile };
  const { acme } = tls;
  const certificates = await AcmeCertificates.open(
    { ...acme, challenge: challengeOf(acme, config.host) },
    { dir: join(dir, "acme"), others: local, userAgent: `sandkeep/${VERSION}`, log },
  ).catch(refused);
  // Without another origin, clients on this computer use an address, for which no authority has a certificate.
  return {
    certificates,
    plain: false,
    caFile: config.publicUrl === undefined ? caFile : null,
    doorsCaFile: acme.domains.includes(`*.${config.doors.domain}`) ? null : caFile,
  };
}

function challengeOf({ challenge, dnsHook, httpPort = HTTP_PORT }: AcmeConfig, host: string) {
  if (challenge === "dns-01") return { type: challenge, hook: dnsHook! };
  return challenge === "http-01" ? { type: challenge, host, port: httpPort } : { type: challenge };
}

/** Whether a name may be that of a door: one label in front of their domain. */
function isDoor({ doors: { domain } }: Config): (name: string) => boolean {
  return (name) => name.indexOf(".") === name.length - domain.length - 1 && name.endsWith(`.${domain}`);
}

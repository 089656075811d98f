/** The CAs that guests trust in addition to those of their image. */
import { X509Certificate } from "node:crypto";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { authorityPem } from "./authority.ts";
import { readCertificates } from "./certificates.ts";
import { environmentFiles } from "./upstream-cas.ts";

/** Limit on additional CAs. More would slow down the start of every sandbox; networks have one to three. */
const MAX_AUTHORITIES = 32;
/** Where administrators put CAs for the system's store, on Debian and Alpine, Fedora, Arch, SUSE. */
const LOCAL_AUTHORITIES = [
  "/usr/local/share/ca-certificates/**/*.crt",
  "/etc/pki/ca-trust/source/anchors/*",
  "/etc/ca-certificates/trust-source/anchors/*",
  "/etc/pki/trust/anchors/*",
];
/** The store itself, built from those CAs and the distribution's. */
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
];

export interface GuestCaOptions {
  /** Folder of the installation's CA. */
  dir: string;
  /** PEM files of `egress.caFiles`. */
  caFiles: readonly string[];
  environment?: NodeJS.ProcessEnv;
  /** Root folder of the system's files. Default `/`; tests use another one. */
  root?: string;
}

/**
 * Loads the CAs that guests trust in addition to their image's, as PEM: the installation's CA first, then the non-public ones that the
 * proxy trusts (from `egress.caFiles`, the environment, and the administrator's additions to the system's store). With them a guest can
 * use an internal registry or a company's proxy whether or not the egress proxy intercepts its TLS.
 *
 * CAs from the distribution's list are left out, even if an environment variable names the system's whole store: the image has its own,
 * newer list.
 *
 * @returns the certificates, and how many were left out because of the limit
 * @throws {Error} if a file of `caFiles` cannot be read
 */
export async function loadGuestCas({
  dir,
  caFiles,
  environment = process.env,
  root = "/",
}: GuestCaOptions): Promise<{ pems: string[]; leftOut: number }> {
  const bundled = new Set(getCACertificates("bundled").map(fingerprint));
  const local = await readable(await Array.fromAsync(glob(LOCAL_AUTHORITIES.map((pattern) => join(root, pattern)))));
  const distributions = new Set((await readable(SYSTEM_BUNDLES.map((file) => join(root, file)))).map(fingerprint));
  const configured = (await Promise.all(caFiles.map(readCertificates))).flat();
  const named = (await readable(environmentFiles(environment))).filter((pem) => !distributions.has(fingerprint(pem)));
  const found = new Map<string, string>();
  for (const pem of [...configured, ...local, ...named]) {
    const print = fingerprint(pem);
    if (!bundled.has(print)) found.set(print, `${pem}\n`);
  }
  const others = [...found.values()];
  return {
    pems: [await authorityPem(dir), ...others.slice(0, MAX_AUTHORITIES)],
    leftOut: Math.max(0, others.length - MAX_AUTHORITIES),
  };
}

/** The certificates of all readable files. */
async function readable(files: string[]): Promise<string[]> {
  return (await Promise.all(files.map((file) => readCertificates(file).catch(() => [])))).flat();
}

function fingerprint(pem: string): string {
  return new X509Certificate(pem).fingerprint256;
}

/** Which authorities guests are given besides those of their image. */
import { X509Certificate } from "node:crypto";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { authorityPem } from "./authority.ts";
import { readCertificates } from "./certificates.ts";
import { environmentFiles } from "./upstream-cas.ts";

/** More would make every sandbox's start slower. Networks have one to three. */
const MAX_AUTHORITIES = 32;
/** Where an administrator puts authorities for the system's store: Debian's and Alpine's place, Fedora's, Arch's, SUSE's. */
const LOCAL_AUTHORITIES = [
  "/usr/local/share/ca-certificates/**/*.crt",
  "/etc/pki/ca-trust/source/anchors/*",
  "/etc/ca-certificates/trust-source/anchors/*",
  "/etc/pki/trust/anchors/*",
];
/** The store itself, made of those and of the distribution's. */
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
  /** Folder below which the system's files are; another one in tests. */
  root?: string;
}

/**
 * PEM of the authorities that guests trust besides their image's: the installation's CA first, then those that the proxy
 * trusts and the world does not (of `egress.caFiles`, of the environment, of the administrator in the system's store). So a
 * guest gets on with an internal registry or a company's proxy whether or not the egress proxy intercepts its TLS.
 *
 * What a distribution's list has is left out, also where a variable names the system's whole store: the image has a
 * list of its own, and a newer one.
 *
 * @returns the certificates, and how many were left out because there are too many
 * @throws {Error} when a file of `caFiles` cannot be read
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

/** Certificates of the files that can be read. */
async function readable(files: string[]): Promise<string[]> {
  return (await Promise.all(files.map((file) => readCertificates(file).catch(() => [])))).flat();
}

function fingerprint(pem: string): string {
  return new X509Certificate(pem).fingerprint256;
}

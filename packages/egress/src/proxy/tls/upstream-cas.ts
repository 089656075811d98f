/** The CAs that upstream certificates are verified against. */
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { readCertificates } from "./certificates.ts";

/** RFC 8996 deprecates TLS 1.0 and 1.1. Secrets are not sent over them. */
export const MIN_UPSTREAM_VERSION = "TLSv1.2";

/**
 * Reads the CAs for upstream certificates: the system's store, Node's copy of Mozilla's, those of the environment
 * variables `NODE_EXTRA_CA_CERTS` and `SSL_CERT_FILE` (a company's network may itself intercept TLS), and the configured files.
 *
 * @param caFiles PEM files
 * @returns each certificate as PEM
 * @throws {Error} if a configured file cannot be read or is invalid; such files from the environment are skipped
 */
export async function readUpstreamCas(
  caFiles: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  const certificates = new Set([
    ...getCACertificates("system"),
    ...getCACertificates("bundled"),
    ...getCACertificates("extra"),
  ]);
  for (const file of environmentFiles(environment)) {
    for (const pem of await readCertificates(file).catch(() => [])) certificates.add(pem);
  }
  for (const file of caFiles) for (const pem of await readCertificates(file)) certificates.add(pem);
  return [...certificates];
}

/** What upstream certificates are verified with. @param cas certificates, each as PEM */
export function upstreamContext(cas: readonly string[]): SecureContext {
  return createSecureContext({ ca: [...cas], minVersion: MIN_UPSTREAM_VERSION });
}

/** Files with additional CAs that the server's environment names. */
export function environmentFiles(environment: NodeJS.ProcessEnv): string[] {
  return [environment.NODE_EXTRA_CA_CERTS, environment.SSL_CERT_FILE].filter((file) => !!file) as string[];
}

/** Which authorities are believed when an upstream shows its certificate. */
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { readCertificates } from "./certificates.ts";

/** TLS 1.0 and 1.1 are deprecated by RFC 8996; a secret does not travel in them. */
export const MIN_UPSTREAM_VERSION = "TLSv1.2";

/**
 * Authorities of upstream certificates: the system's store, Node's own copy of Mozilla's, those of the environment
 * variables `NODE_EXTRA_CA_CERTS` and `SSL_CERT_FILE` (a company's network may itself open TLS), and configured files.
 *
 * @param caFiles PEM files
 * @throws {Error} when a configured file cannot be read or used; files of the environment that cannot be are left out
 */
export async function loadUpstreamCas(
  caFiles: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<SecureContext> {
  const certificates = new Set([
    ...getCACertificates("system"),
    ...getCACertificates("bundled"),
    ...getCACertificates("extra"),
  ]);
  for (const file of environmentFiles(environment)) {
    for (const pem of await readCertificates(file).catch(() => [])) certificates.add(pem);
  }
  for (const file of caFiles) for (const pem of await readCertificates(file)) certificates.add(pem);
  return createSecureContext({ ca: [...certificates], minVersion: MIN_UPSTREAM_VERSION });
}

/** Files of further authorities that the server's environment names. */
export function environmentFiles(environment: NodeJS.ProcessEnv): string[] {
  return [environment.NODE_EXTRA_CA_CERTS, environment.SSL_CERT_FILE].filter((file) => !!file) as string[];
}

import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";

/**
 * Reads the certificates in a PEM file, each as its own PEM.
 *
 * @throws {Error} if the file cannot be read, contains no certificate, or contains an invalid one
 */
export async function readCertificates(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8");
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (!found) throw new Error(`${file} contains no certificate.`);
  for (const pem of found) createSecureContext({ ca: pem });
  return found;
}

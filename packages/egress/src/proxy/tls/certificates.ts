import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";

/**
 * The certificates in a PEM file, each as its own PEM.
 *
 * @throws {Error} when the file cannot be read, has none, or has one that OpenSSL cannot read
 */
export async function readCertificates(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8");
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (!found) throw new Error(`${file} holds no certificate.`);
  for (const pem of found) createSecureContext({ ca: pem });
  return found;
}

import type { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import type { Authority } from "./authority.ts";
import { ALGORITHM } from "./keys.ts";
import { x509 } from "./library.ts";
import { validFor } from "./validity.ts";

export interface ServerCertificateOptions {
  /** Common name, for people; clients check the names. At most 64 characters (RFC 5280, ub-common-name). */
  commonName: string;
  /** Names and IP addresses (without brackets) of the server. */
  names: readonly string[];
  /** The server's key. */
  publicKey: webcrypto.CryptoKey;
  /** How long it is valid from now on. */
  validMs: number;
}

/** Issues the certificate of a TLS server, as PEM. */
export async function issueServerCertificate(
  { certificate: issuer, key }: Authority,
  { commonName, names, publicKey, validMs }: ServerCertificateOptions,
): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [commonName] }],
    issuer: issuer.subject,
    publicKey,
    signingKey: key,
    signingAlgorithm: ALGORITHM,
    ...validFor(validMs),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) ? "ip" : "dns", value }))),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

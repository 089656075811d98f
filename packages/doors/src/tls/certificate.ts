import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { CertificatePair } from "./contract.ts";

/** Certificates in a chain; real ones have two or three. */
const MAX_CHAIN = 10;
const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** A certificate that a server can use. */
export class Certificate {
  readonly pair: CertificatePair;
  readonly context: SecureContext;
  /** Names and addresses. */
  readonly names: string[];
  readonly #leaf: X509Certificate;

  /** @throws {Error} if it cannot be read, or the key is another's */
  constructor(pair: CertificatePair) {
    const chain = pair.cert.match(PEM) ?? [];
    if (chain.length === 0) throw new Error("there is no PEM certificate");
    if (chain.length > MAX_CHAIN) throw new Error(`there are more than ${MAX_CHAIN} certificates`);
    for (const pem of chain) new X509Certificate(pem);
    this.#leaf = new X509Certificate(chain[0]!);
    // OpenSSL checks that the key belongs to the certificate.
    this.context = createSecureContext(pair);
    this.names = namesOf(this.#leaf);
    this.pair = pair;
  }

  /** The certificate itself, in DER. */
  get der(): Buffer {
    return this.#leaf.raw;
  }

  get validFrom(): number {
    return this.#leaf.validFromDate.getTime();
  }

  get expiresAt(): number {
    return this.#leaf.validToDate.getTime();
  }

  /** Whether it is for a name or address. A wildcard, such as `*.example.com`, must be among its names as it is. */
  covers(name: string): boolean {
    if (name.startsWith("*.")) return this.names.includes(name);
    if (isIP(name)) return this.#leaf.checkIP(name) !== undefined;
    return this.#leaf.checkHost(name, { subject: "never", partialWildcards: false }) !== undefined;
  }
}

/** The subject alternative names, as Node lists them: `DNS:example.com, IP Address:192.0.2.1`. */
function namesOf({ subjectAltName = "" }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:^|, )(?:DNS|IP Address):([^,"]+)/g)].map(([, name]) => name!.toLowerCase());
}

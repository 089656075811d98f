/** Certificates that are shown to guests in place of an upstream's. */
// tsyringe, by which the library below wires itself, wants this before it.
import "reflect-metadata";
import { KeyObject, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import * as x509 from "@peculiar/x509";
import { MAX_LEAVES } from "../limits.ts";
import { ALGORITHM, type Authority } from "./authority.ts";

const HOUR_MS = 60 * 60_000;
/** Short: a leaf is of use only while this process lives. */
const VALID_MS = 7 * 24 * HOUR_MS;
/** For guests whose clock is behind. */
const BACKDATE_MS = 24 * HOUR_MS;
/** A leaf with less than this left is made anew, for guests whose clock is ahead. */
const RENEW_BEFORE_MS = 2 * 24 * HOUR_MS;
/** Longest common name (RFC 5280, ub-common-name); the alternative name is what counts. */
const MAX_COMMON_NAME = 64;

interface Leaf {
  context: Promise<SecureContext>;
  renewAt: number;
}

/** Makes a certificate per name, all with one key, and keeps those that were used last. */
export class LeafCertificates {
  readonly #authority: Authority;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #keyPem: string;
  readonly #leaves = new Map<string, Leaf>();

  private constructor(authority: Authority, keys: webcrypto.CryptoKeyPair) {
    this.#authority = authority;
    this.#keys = keys;
    this.#keyPem = KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" }) as string;
  }

  static async create(authority: Authority): Promise<LeafCertificates> {
    return new LeafCertificates(authority, await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]));
  }

  /** @param name canonical name of a host, or an address without brackets */
  contextFor(name: string): Promise<SecureContext> {
    const known = this.#leaves.get(name);
    this.#leaves.delete(name);
    const leaf =
      known && known.renewAt > Date.now()
        ? known
        : { context: this.#make(name), renewAt: Date.now() + VALID_MS - RENEW_BEFORE_MS };
    this.#leaves.set(name, leaf);
    for (const oldest of this.#leaves.keys()) {
      if (this.#leaves.size <= MAX_LEAVES) break;
      this.#leaves.delete(oldest);
    }
    return leaf.context;
  }

  async #make(name: string): Promise<SecureContext> {
    const now = Date.now();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: [{ CN: [name.length <= MAX_COMMON_NAME ? name : "Sandkeep"] }],
      issuer: this.#authority.certificate.subject,
      publicKey: this.#keys.publicKey,
      signingKey: this.#authority.key,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(now - BACKDATE_MS),
      notAfter: new Date(now + VALID_MS),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: isIP(name) ? "ip" : "dns", value: name }]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#authority.certificate.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(this.#keys.publicKey),
      ],
    });
    return createSecureContext({ cert: certificate.toString("pem"), key: this.#keyPem, minVersion: "TLSv1.2" });
  }
}

/** Certificates for whatever name a client asks for. */
import type { webcrypto } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Authority } from "./authority.ts";
import { keyPem, newKeyPair } from "./keys.ts";
import { issueServerCertificate } from "./server-certificate.ts";
import { DAY_MS } from "./validity.ts";

/** Certificates in the cache; each takes about 20 KB with its context. */
const MAX_LEAVES = 1_024;
/** Short, since a leaf is only used while this process runs. */
const VALID_MS = 7 * DAY_MS;
/** A leaf with less time left is replaced, for clients whose clock is fast. */
const RENEW_BEFORE_MS = 2 * DAY_MS;
/** Longest common name (RFC 5280, ub-common-name). Clients check the subject alternative name. */
const MAX_COMMON_NAME = 64;

interface Leaf {
  context: Promise<SecureContext>;
  renewAt: number;
}

/** Makes a certificate for each name, all with the same key, and caches the most recently used ones. */
export class LeafCertificates {
  readonly #authority: Authority;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #keyPem: string;
  readonly #leaves = new Map<string, Leaf>();

  private constructor(authority: Authority, keys: webcrypto.CryptoKeyPair) {
    this.#authority = authority;
    this.#keys = keys;
    this.#keyPem = keyPem(keys.privateKey);
  }

  static async create(authority: Authority): Promise<LeafCertificates> {
    return new LeafCertificates(authority, await newKeyPair());
  }

  /** @param name a host's canonical name, or an address without brackets */
  contextFor(name: string): Promise<SecureContext> {
    const known = this.#leaves.get(name);
    this.#leaves.delete(name);
    const leaf = known && known.renewAt > Date.now() ? known : this.#new(name);
    this.#leaves.set(name, leaf);
    for (const oldest of this.#leaves.keys()) {
      if (this.#leaves.size <= MAX_LEAVES) break;
      this.#leaves.delete(oldest);
    }
    return leaf.context;
  }

  #new(name: string): Leaf {
    const leaf = { context: this.#make(name), renewAt: Date.now() + VALID_MS - RENEW_BEFORE_MS };
    // What failed is tried again for the next client.
    leaf.context.catch(() => this.#leaves.get(name) === leaf && this.#leaves.delete(name));
    return leaf;
  }

  async #make(name: string): Promise<SecureContext> {
    const cert = await issueServerCertificate(this.#authority, {
      commonName: name.length <= MAX_COMMON_NAME ? name : "Sandkeep",
      names: [name],
      publicKey: this.#keys.publicKey,
      validMs: VALID_MS,
    });
    return createSecureContext({ cert, key: this.#keyPem, minVersion: "TLSv1.2" });
  }
}

import type { webcrypto } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, FlattenedSign, generateKeyPair, importJWK, type JWK } from "jose";

const ALGORITHM = "ES256";

/** The key of an account, with which every request is signed. */
export class AccountKey {
  /** The private key. */
  readonly jwk: JWK;
  readonly #key: webcrypto.CryptoKey;
  readonly #thumbprint: string;

  private constructor(jwk: JWK, key: webcrypto.CryptoKey, thumbprint: string) {
    this.jwk = jwk;
    this.#key = key;
    this.#thumbprint = thumbprint;
  }

  static async generate(): Promise<AccountKey> {
    const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
    return await AccountKey.load(await exportJWK(privateKey));
  }

  /** @throws {Error} if it is not a private key on the curve P-256 */
  static async load(jwk: JWK): Promise<AccountKey> {
    if (jwk.kty !== "EC" || jwk.crv !== "P-256" || typeof jwk.d !== "string")
      throw new Error("the account's key is not a private key on P-256");
    const key = (await importJWK(jwk, ALGORITHM)) as webcrypto.CryptoKey;
    return new AccountKey(jwk, key, await calculateJwkThumbprint(jwk));
  }

  get publicJwk(): JWK {
    const { kty, crv, x, y } = this.jwk;
    return { kty: kty!, crv: crv!, x: x!, y: y! };
  }

  /** What a challenge has to show: its token, bound to this account (RFC 8555, section 8.1). */
  authorize(token: string): string {
    return `${token}.${this.#thumbprint}`;
  }

  /** A signed request. @param account its address; without one the request carries the public key */
  async sign(url: string, payload: unknown, nonce: string, account: string | null): Promise<string> {
    const who = account === null ? { jwk: this.publicJwk } : { kid: account };
    return await flattened(payload, { alg: ALGORITHM, nonce, url, ...who }, this.#key);
  }

  /** Proves that the owner of an account at the certificate authority wants this key to be one (RFC 8555, section 7.3.4). */
  async bind(url: string, { keyId, hmacKey }: ExternalAccount): Promise<unknown> {
    const key = Buffer.from(hmacKey, "base64url");
    return JSON.parse(await flattened(this.publicJwk, { alg: "HS256", kid: keyId, url }, key));
  }
}

/** An account that was opened elsewhere, such as on the web site of the certificate authority. */
export interface ExternalAccount {
  keyId: string;
  /** Base64url. */
  hmacKey: string;
}

/** @param payload undefined for an empty one, which is how ACME reads (POST-as-GET) */
async function flattened(
  payload: unknown,
  header: Record<string, unknown> & { alg: string },
  key: webcrypto.CryptoKey | Uint8Array,
): Promise<string> {
  const bytes = new TextEncoder().encode(payload === undefined ? "" : JSON.stringify(payload));
  return JSON.stringify(await new FlattenedSign(bytes).setProtectedHeader(header).sign(key));
}

import { createHash } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { ALGORITHM, keyPem, newKeyPair, validFor, x509 } from "@sandkeep/common/x509";
import type { ChallengeHandshakes } from "../../contract.ts";
import type { Challenge, Solver } from "./solver.ts";

/** The protocol that a certificate authority offers, and nothing else (RFC 8737, section 4). */
export const ACME_TLS = "acme-tls/1";
/** id-pe-acmeIdentifier. */
const ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31";
/** DER of an octet string of 32 bytes, up to its content. */
const OCTET_STRING_32 = Buffer.from([0x04, 0x20]);
const VALID_MS = 24 * 60 * 60_000;

/** Answers TLS-ALPN-01: the certificate authority connects to port 443 and reads a certificate made for it (RFC 8737). */
export class TlsChallenges implements Solver, ChallengeHandshakes {
  readonly type = "tls-alpn-01";
  readonly #contexts = new Map<string, SecureContext>();

  async present({ name, keyAuthorization }: Challenge): Promise<AsyncDisposable> {
    const context = await challengeContext(name, keyAuthorization);
    this.#contexts.set(name, context);
    return {
      [Symbol.asyncDispose]: async () => {
        if (this.#contexts.get(name) === context) this.#contexts.delete(name);
      },
    };
  }

  get pending(): boolean {
    return this.#contexts.size > 0;
  }

  answerTo({ serverName, alpn }: { serverName: string | null; alpn: string[] }): SecureContext | null {
    if (alpn.length !== 1 || alpn[0] !== ACME_TLS || serverName === null) return null;
    return this.#contexts.get(serverName.toLowerCase()) ?? null;
  }
}

async function challengeContext(name: string, keyAuthorization: string): Promise<SecureContext> {
  const keys = await newKeyPair();
  const digest = createHash("sha256").update(keyAuthorization).digest();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ["ACME challenge"] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validFor(VALID_MS),
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: name }]),
      new x509.Extension(ACME_IDENTIFIER, true, Buffer.concat([OCTET_STRING_32, digest])),
    ],
  });
  return createSecureContext({ cert: certificate.toString("pem"), key: keyPem(keys.privateKey) });
}

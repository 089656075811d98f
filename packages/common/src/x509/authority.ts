/** An installation's own certificate authorities, and where they are stored. */
import { createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../errno.ts";
import { writeFileAtomically } from "../files/atomic-file.ts";
import { ALGORITHM, keyPem, newKeyPair } from "./keys.ts";
import { x509 } from "./library.ts";
import { DAY_MS, validFor } from "./validity.ts";

/** Ten years. */
const VALID_MS = 3_650 * DAY_MS;
/** An authority that expires sooner than this is replaced. */
const RENEW_BEFORE_MS = 30 * DAY_MS;

/** Public, so that clients can trust it. */
const PUBLIC = 0o644;

export interface Authority {
  certificate: x509.X509Certificate;
  /** The certificate, which clients trust. */
  pem: string;
  key: webcrypto.CryptoKey;
  /** The key as PEM (PKCS #8), to store it or to give it to another process. */
  keyPem: string;
}

export interface LoadOptions {
  /** Common name of the authority if a new one is made. */
  newName: () => string;
  /**
   * How to handle files that cannot be read or have the wrong content: fail (the default), or create a new authority.
   */
  damaged?: "throw" | "replace";
}

/** Creates an authority that may sign server certificates, but not further authorities. */
export async function createAuthority(commonName: string, validMs = VALID_MS): Promise<Authority> {
  const keys = await newKeyPair();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validFor(validMs),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate,
    pem: `${certificate.toString("pem")}\n`,
    key: keys.privateKey,
    keyPem: keyPem(keys.privateKey),
  };
}

/**
 * Loads the authority from `ca.pem` and `ca-key.pem` in a directory. Creates a new one, valid for ten years, if there
 * is none, if the key does not belong to the certificate, or if it expires in less than 30 days. Only the owner can
 * read the key; both files are on disk before this resolves.
 */
export async function loadAuthority(dir: string, { newName, damaged = "throw" }: LoadOptions): Promise<Authority> {
  const files = { certificate: join(dir, "ca.pem"), key: join(dir, "ca-key.pem") };
  const found = await read(files).catch((error: unknown) => {
    if (damaged === "throw") throw error;
    return null;
  });
  if (found) return found;
  const made = await createAuthority(newName());
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // Write the key first: a certificate without its key would be trusted and useless.
  await writeFileAtomically(files.key, made.keyPem);
  await writeFileAtomically(files.certificate, made.pem, { mode: PUBLIC });
  return made;
}

async function read(files: { certificate: string; key: string }): Promise<Authority | null> {
  let pem: string;
  let keyText: string;
  try {
    [pem, keyText] = await Promise.all([readFile(files.certificate, "utf8"), readFile(files.key, "utf8")]);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
  const key = createPrivateKey(keyText);
  const certificate = new X509Certificate(pem);
  if (!certificate.checkPrivateKey(key) || !certificate.ca) return null;
  if (certificate.validToDate.getTime() - Date.now() < RENEW_BEFORE_MS) return null;
  return authorityFrom({ pem, keyPem: keyText });
}

/** An authority that another process has loaded. */
export async function authorityFrom({ pem, keyPem }: Pick<Authority, "pem" | "keyPem">): Promise<Authority> {
  const der = createPrivateKey(keyPem).export({ type: "pkcs8", format: "der" });
  return {
    certificate: new x509.X509Certificate(pem),
    pem,
    key: await webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]),
    keyPem,
  };
}

/** The installation's own certificate authority, which stands in for the whole web towards sandboxes. */
// tsyringe, by which the library below wires itself, wants this before it.
import "reflect-metadata";
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

export const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 24 * 60 * 60_000;
const CA_DAYS = 3_650;
/** For guests whose clock is behind. */
const BACKDATE_MS = DAY_MS;
/** A CA with less than this left is replaced. */
const RENEW_BEFORE_MS = 30 * DAY_MS;

export interface Authority {
  certificate: x509.X509Certificate;
  /** What guests trust. */
  pem: string;
  key: webcrypto.CryptoKey;
}

/**
 * Loads the CA from `ca.pem` and `ca-key.pem` in `dir`, or makes it: "Sandkeep" and a random number, for ten years. The
 * key is readable by its owner alone and never leaves the host.
 */
export async function loadAuthority(dir: string): Promise<Authority> {
  const found = await load(dir);
  if (found) return found;
  const made = await make();
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // The key first: a certificate without its key would be trusted by guests and useless.
  await write(join(dir, "ca-key.pem"), made.keyPem, 0o600);
  await write(join(dir, "ca.pem"), made.pem, 0o644);
  return made;
}

/** The PEM of the CA's certificate, which guests are given; the CA is made if there is none yet. */
export async function authorityPem(dir: string): Promise<string> {
  return (await loadAuthority(dir)).pem;
}

async function load(dir: string): Promise<Authority | null> {
  let pem: string;
  let keyPem: string;
  try {
    [pem, keyPem] = await Promise.all([
      readFile(join(dir, "ca.pem"), "utf8"),
      readFile(join(dir, "ca-key.pem"), "utf8"),
    ]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const key = createPrivateKey(keyPem);
  const certificate = new X509Certificate(pem);
  if (!certificate.checkPrivateKey(key) || !certificate.ca) return null;
  if (certificate.validToDate.getTime() - Date.now() < RENEW_BEFORE_MS) return null;
  const der = key.export({ type: "pkcs8", format: "der" });
  return {
    certificate: new x509.X509Certificate(pem),
    pem,
    key: await webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]),
  };
}

async function make(): Promise<Authority & { keyPem: string }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Sandkeep ${randomBytes(4).toString("hex")}`,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + CA_DAYS * DAY_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const keyPem = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({
    type: "pkcs8",
    format: "pem",
  }) as string;
  return { certificate, pem: `${certificate.toString("pem")}\n`, key: keys.privateKey, keyPem };
}

/** Whole or not at all, and on the disk before it returns. */
async function write(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  const file = await open(temporary, "w", mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

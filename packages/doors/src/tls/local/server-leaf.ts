import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { writeFileAtomically } from "@sandkeep/common";
import { type Authority, DAY_MS, issueServerCertificate, keyPem, newKeyPair } from "@sandkeep/common/x509";
import type { CertificatePair } from "../contract.ts";

/** Apple's systems reject certificates valid for more than 825 days, and some clients those valid for more than 398. */
const LEAF_DAYS = 397;
/** A certificate is replaced when it is valid for less than this. */
const RENEW_BEFORE_DAYS = 30;

/**
 * A certificate for a server's own names from this installation's CA. Both are kept in `dir`, the CA for ten years. The certificate is
 * renewed when it is about to expire or the names have changed.
 */
export async function serverLeaf(dir: string, ca: Authority, names: readonly string[]): Promise<CertificatePair> {
  const files = { cert: join(dir, "server.pem"), key: join(dir, "server-key.pem") };
  const found = await readPair(files.cert, files.key);
  if (found && isFresh(found.cert) && covers(found.cert, ca.pem, names)) return found;
  const made = await makeLeaf(ca, names);
  await writeFileAtomically(files.key, made.key);
  await writeFileAtomically(files.cert, made.cert);
  return made;
}

async function readPair(certFile: string, keyFile: string): Promise<CertificatePair | null> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? { cert, key } : null;
  } catch {
    return null;
  }
}

function isFresh(cert: string): boolean {
  return new X509Certificate(cert).validToDate.getTime() - Date.now() > RENEW_BEFORE_DAYS * DAY_MS;
}

function covers(cert: string, ca: string, names: readonly string[]): boolean {
  const leaf = new X509Certificate(cert);
  if (!leaf.verify(new X509Certificate(ca).publicKey)) return false;
  return names.every((name) => (isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name)) !== undefined);
}

async function makeLeaf(ca: Authority, names: readonly string[]): Promise<CertificatePair> {
  const { publicKey, privateKey } = await newKeyPair();
  const cert = await issueServerCertificate(ca, {
    commonName: "Sandkeep",
    names,
    publicKey,
    validMs: LEAF_DAYS * DAY_MS,
  });
  return { cert, key: keyPem(privateKey) };
}

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { writeFileAtomically } from "@sandkeep/common";
import {
  type Authority,
  DAY_MS,
  issueServerCertificate,
  keyPem,
  loadAuthority,
  newKeyPair,
} from "@sandkeep/common/x509";

/** Apple's systems reject certificates valid for more than 825 days, and some clients those valid for more than 398. */
const LEAF_DAYS = 397;
/** A certificate is replaced when it is valid for less than this. */
const RENEW_BEFORE_DAYS = 30;

export interface TlsMaterial {
  cert: string;
  key: string;
  /** PEM file to trust, if the certificate comes from the local CA. */
  caFile: string | null;
}

/**
 * A certificate for these names from this installation's own CA. Both are kept in `dir`, the CA for ten years. The server's
 * certificate is renewed when it is about to expire or the names have changed.
 */
export async function localCa(dir: string, names: readonly string[]): Promise<TlsMaterial> {
  const ca = await loadAuthority(dir, {
    newName: () => `Sandkeep local CA ${new Date().toISOString().slice(0, 10)}`,
    damaged: "replace",
  });
  const files = { ca: join(dir, "ca.pem"), cert: join(dir, "server.pem"), key: join(dir, "server-key.pem") };
  let leaf = await readPair(files.cert, files.key);
  if (!leaf || !isFresh(leaf.cert) || !covers(leaf.cert, ca.pem, names)) {
    leaf = await makeLeaf(ca, names);
    await writeFileAtomically(files.key, leaf.key);
    await writeFileAtomically(files.cert, leaf.cert);
  }
  return { cert: leaf.cert, key: leaf.key, caFile: files.ca };
}

interface Pair {
  cert: string;
  key: string;
}

async function readPair(certFile: string, keyFile: string): Promise<Pair | null> {
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

async function makeLeaf(ca: Authority, names: readonly string[]): Promise<Pair> {
  const { publicKey, privateKey } = await newKeyPair();
  const cert = await issueServerCertificate(ca, {
    commonName: "Sandkeep",
    names,
    publicKey,
    validMs: LEAF_DAYS * DAY_MS,
  });
  return { cert, key: keyPem(privateKey) };
}

// tsyringe, by which the library below wires itself, wants this before it.
import "reflect-metadata";
import { createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { writeFileAtomically } from "@sandkeep/common";

const DAY_MS = 24 * 60 * 60_000;
const CA_DAYS = 3_650;
/** Apple's systems refuse certificates that are valid for more than 825 days, and some clients those over 398. */
const LEAF_DAYS = 397;
/** A certificate is replaced when less than this is left. */
const RENEW_BEFORE_DAYS = 30;
/** For clients whose clock is a little behind. */
const BACKDATE_MS = DAY_MS;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface TlsMaterial {
  cert: string;
  key: string;
  /** PEM file to trust, if the certificate is of the local CA. */
  caFile: string | null;
}

x509.cryptoProvider.set(webcrypto);

/**
 * A certificate for these names by a CA of this installation's own. Both are kept in `dir`, the CA for ten years; the
 * server's certificate is made anew when it is about to expire or the names have changed.
 */
export async function localCa(dir: string, names: readonly string[]): Promise<TlsMaterial> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const files = {
    ca: join(dir, "ca.pem"),
    caKey: join(dir, "ca-key.pem"),
    cert: join(dir, "server.pem"),
    key: join(dir, "server-key.pem"),
  };
  let ca = await readPair(files.ca, files.caKey);
  if (!ca || !isFresh(ca.cert)) {
    ca = await makeCa();
    await writeFileAtomically(files.caKey, ca.key);
    await writeFileAtomically(files.ca, ca.cert);
  }
  let leaf = await readPair(files.cert, files.key);
  if (!leaf || !isFresh(leaf.cert) || !covers(leaf.cert, ca.cert, names)) {
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

const validity = (days: number) => ({
  notBefore: new Date(Date.now() - BACKDATE_MS),
  notAfter: new Date(Date.now() + days * DAY_MS),
});

async function makeCa(): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Sandkeep local CA ${new Date().toISOString().slice(0, 10)}`,
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(CA_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${cert.toString("pem")}\n`, key: await pem(keys.privateKey) };
}

async function makeLeaf(ca: Pair, names: readonly string[]): Promise<Pair> {
  const issuer = new x509.X509Certificate(ca.cert);
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    createPrivateKey(ca.key).export({ type: "pkcs8", format: "der" }),
    ALGORITHM,
    false,
    ["sign"],
  );
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.create({
    subject: "CN=Sandkeep",
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    ...validity(LEAF_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((name) => ({ type: isIP(name) ? "ip" : "dns", value: name }))),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${cert.toString("pem")}\n`, key: await pem(keys.privateKey) };
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = der
    .toString("base64")
    .match(/.{1,64}/g)
    ?.join("\n");
  return `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
}

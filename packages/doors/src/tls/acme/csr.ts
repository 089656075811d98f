import type { webcrypto } from "node:crypto";
import { ALGORITHM, x509 } from "@sandkeep/common/x509";

/** A certificate request (PKCS #10) for DNS names, as ACME wants it: DER in base64url. */
export async function certificateRequest(keys: webcrypto.CryptoKeyPair, names: readonly string[]): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value })))],
  });
  return Buffer.from(request.rawData).toString("base64url");
}

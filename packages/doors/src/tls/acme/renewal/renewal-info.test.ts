import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { ALGORITHM, createAuthority, newKeyPair, validFor, x509 } from "@sandkeep/common/x509";
import { certificateId } from "./renewal-info.ts";

const authority = await createAuthority("Test");

async function withSerial(serialNumber: string, keyId?: string): Promise<{ der: Buffer }> {
  const { publicKey } = await newKeyPair();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber,
    subject: "CN=test",
    issuer: authority.certificate.subject,
    publicKey,
    signingKey: authority.key,
    signingAlgorithm: ALGORITHM,
    ...validFor(60_000),
    extensions: keyId === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(keyId)],
  });
  return { der: new X509Certificate(Buffer.from(certificate.rawData)).raw };
}

test("a certificate's id is its issuer's key id and its serial number as encoded (RFC 9773, section 4.1)", async () => {
  const keyId = "69885b6b87464041e1b37b847ba0ae2cde01c8d4";
  assert.equal(certificateId(await withSerial("0087654321", keyId)), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
  assert.equal(certificateId(await withSerial("0187654321", keyId)), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AYdlQyE");
});

test("a certificate that does not name its issuer's key has none", async () => {
  assert.equal(certificateId(await withSerial("01")), null);
});

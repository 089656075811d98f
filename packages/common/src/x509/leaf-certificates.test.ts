import assert from "node:assert/strict";
import type { webcrypto } from "node:crypto";
import { test } from "node:test";
import { createAuthority } from "./authority.ts";
import { LeafCertificates } from "./leaf-certificates.ts";

test("a certificate is made once for each name, and again if that failed", async () => {
  const authority = await createAuthority("Test");
  const broken = { ...authority, key: {} as webcrypto.CryptoKey };
  const leaves = await LeafCertificates.create(broken);
  await assert.rejects(leaves.contextFor("a.test"));
  broken.key = authority.key;
  assert.equal(await leaves.contextFor("a.test"), await leaves.contextFor("a.test"));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { findCertificates } from "./certificates.ts";

const NOW = Date.parse("2026-06-01T00:00:00Z");
const find = (more: { expiresAt: string | null; problem?: string | null }) =>
  findCertificates([{ source: "acme", names: ["box.example.com"], problem: null, ...more }], NOW)[0]!;

test("says how long a certificate is valid, and warns in its last week", () => {
  const found = find({ expiresAt: "2026-07-31T12:00:00.000Z" });
  assert.deepEqual(found, {
    name: "certificate",
    verdict: "ok",
    detail: "box.example.com (by ACME) is valid until 2026-07-31 (60 days)",
  });
  assert.equal(find({ expiresAt: "2026-06-06T00:00:00.000Z" }).verdict, "warn");
});

test("says why a certificate could not be renewed, and fails once it has expired or if there is none", () => {
  const problem = "The certificate authority refused the name box.example.com (dns): no such name";
  const renewing = find({ expiresAt: "2026-06-20T00:00:00.000Z", problem });
  assert.equal(renewing.verdict, "warn");
  assert.match(renewing.detail, /19 days\), and could not be renewed: The certificate authority refused/);
  for (const expiresAt of ["2026-05-31T00:00:00.000Z", null]) {
    const found = find({ expiresAt, problem });
    assert.equal(found.verdict, "fail");
    assert.match(found.detail, /no such name$/);
    assert.match(found.repair!, /docs\/configuration\.md/);
  }
});

test("names a few of many names", () => {
  const names = ["localhost", "127.0.0.1", "::1", "a", "b"];
  const [found] = findCertificates(
    [{ source: "local-ca", names, expiresAt: "2027-06-01T00:00:00.000Z", problem: null }],
    NOW,
  );
  assert.match(found!.detail, /^localhost, 127\.0\.0\.1, ::1 and 2 more \(by the local CA\)/);
});

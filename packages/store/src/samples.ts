import type { OrganisationRecord, SandboxLease, SandboxRecord } from "./contract.ts";

/** FOR TESTS ONLY: records for the suites. */
export const organisation = (slug: string, createdAt: number): OrganisationRecord => ({
  id: `id-${slug}`,
  slug,
  name: slug,
  createdAt,
});
export const acme = organisation("acme", 1);
export const other = organisation("other", 2);

export const sandbox = (id: string, createdAt: number): SandboxRecord => ({
  id,
  organisation: acme.id,
  region: "ord",
  status: "running",
  memoryMiB: 1280,
  createdAt,
  stopAt: null,
  stoppedAt: null,
  stopReason: null,
  pausedAt: null,
  parent: null,
  onIdle: "end",
  idleMs: null,
  labels: {},
  network: { allowNet: ["a.example"], deny: [], rules: [], secrets: { KEY: { hosts: ["b.example"], in: [] } } },
});

export const lease: SandboxLease = { host: "host_1", owner: "cp_1", expiresAt: 100 };

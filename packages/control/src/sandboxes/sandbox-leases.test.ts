import assert from "node:assert/strict";
import { test } from "node:test";
import { openStore, type SandboxRecord } from "@sandkeep/store";
import { createLogger } from "../log/logger.ts";
import { LEASE_MS, SandboxLeases } from "./sandbox-leases.ts";

const sandbox = (id: string): SandboxRecord => ({
  id,
  organisation: "org",
  region: "ord",
  status: "running",
  memoryMiB: 1_280,
  createdAt: 1,
  stopAt: null,
  stoppedAt: null,
  stopReason: null,
  pausedAt: null,
  parent: null,
  onIdle: "end",
  idleMs: null,
  labels: {},
  network: { allowNet: [], deny: [], rules: [], secrets: {} },
});

test("one renewal is for all that runs, and tells what another control plane has taken over", async () => {
  await using store = openStore({ sqlite: ":memory:" });
  await store.organisations.insert({ id: "org", slug: "org", name: "org", createdAt: 1 });
  await using leases = new SandboxLeases({ owner: "cp_1", store: store.sandboxes, log: createLogger("silent") });
  const before = Date.now();
  for (const id of ["a", "b"])
    await store.sandboxes.insert(sandbox(id), { ...leases.on("host_1"), expiresAt: 1 }, null);
  assert.deepEqual(await leases.renew(["a", "b"]), []);
  assert.deepEqual(await store.sandboxes.expired("cp_2", ["host_1"], before + LEASE_MS - 1), []);
  // Another one finds them expired, as after a long stop of this process.
  const later = Date.now() + LEASE_MS + 1;
  assert.equal((await store.sandboxes.expired("cp_2", ["host_1"], later)).length, 2);
  await store.sandboxes.takeOver("cp_1", { host: "host_1", owner: "cp_2", expiresAt: later + LEASE_MS }, later);
  await store.sandboxes.insert(sandbox("c"), leases.on("host_1"), null);
  assert.deepEqual(await leases.renew(["a", "b", "c"]), ["a", "b"]);
  // As many as were lost are being created, and do not hide that.
  await store.sandboxes.insert(sandbox("d"), leases.on("host_1"), null);
  await store.sandboxes.insert(sandbox("e"), leases.on("host_1"), null);
  assert.deepEqual(await leases.renew(["a", "b", "c"]), ["a", "b"]);
  assert.deepEqual(await leases.renew([]), []);
});

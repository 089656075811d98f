import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import type { Host } from "@sandkeep/host";
import { openStore, type SandboxRecord } from "@sandkeep/store";
import { Hosts } from "../hosts.ts";
import type { SandboxesContext } from "../sandboxes/options.ts";
import { PausedSandboxes } from "./paused-sandboxes.ts";
import type { SandboxTable } from "./sandbox-table.ts";

const WEEK_MS = 7 * 86_400_000;
const lease = { owner: "cp_1", host: "host_1", expiresAt: 1 };

const paused = (id: string): SandboxRecord => ({
  id,
  organisation: "org",
  region: "ord",
  status: "paused",
  memoryMiB: 1_280,
  createdAt: 1,
  stopAt: null,
  stoppedAt: null,
  stopReason: null,
  pausedAt: Date.now(),
  parent: null,
  onIdle: "end",
  idleMs: null,
  labels: {},
  network: { allowNet: [], deny: [], rules: [], secrets: {} },
});

/** Paused sandboxes with these records, on a host that has `onHost`. */
async function open(records: SandboxRecord[], onHost: Set<string>) {
  const store = openStore({ sqlite: ":memory:" });
  await store.organisations.insert({ id: "org", slug: "org", name: "org", createdAt: 1 });
  for (const record of records) await store.sandboxes.insert(record, lease, null);
  const host = {
    id: "host_1",
    paused: async () => [...onHost],
    removePaused: async (id: string) => void onHost.delete(id),
  };
  const context = {
    store: store.sandboxes,
    storage: { disks: store.disks, limits: { keepDeletedHours: 0 } },
    hosts: new Hosts([host as unknown as Host]),
    leases: { owner: lease.owner },
    limits: { pausedPerOrganisation: 10, keepPausedHours: 24 },
    events: { publish: () => {} },
    sealedIsLost: null,
    log: silentLogger,
  };
  const sandboxes = new PausedSandboxes(context as unknown as SandboxesContext, {} as SandboxTable);
  for (const one of await store.sandboxes.running(lease.owner)) await sandboxes.adopt(one);
  return { store, sandboxes, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

test("a clock that is set forward removes no paused sandbox", async () => {
  const onHost = new Set(["sbx_1"]);
  await using opened = await open([paused("sbx_1")], onHost);
  const real = Date.now.bind(Date);
  const set = mock.method(Date, "now", () => real() + WEEK_MS);
  try {
    await opened.sandboxes.expire();
  } finally {
    set.mock.restore();
  }
  assert.deepEqual([opened.sandboxes.ids, [...onHost]], [["sbx_1"], ["sbx_1"]]);
});

test("a paused machine that no record knows is removed, and no other, whoever owns it", async () => {
  const onHost = new Set(["sbx_1", "sbx_theirs", "sbx_unknown"]);
  await using opened = await open([paused("sbx_1")], onHost);
  await opened.store.sandboxes.insert(paused("sbx_theirs"), { ...lease, owner: "cp_2" }, null);
  await opened.sandboxes.expire();
  assert.ok(onHost.has("sbx_unknown"), "not at once: it may belong to a restored database");
  await opened.sandboxes.expire();
  assert.deepEqual([...onHost], ["sbx_1", "sbx_theirs"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "@sandkeep/host";
import { openStore, type SandboxRecord } from "@sandkeep/store";
import { Hosts } from "../hosts.ts";
import { createLogger } from "../log/logger.ts";
import type { SandboxesContext } from "./options.ts";
import { Recovery } from "./recovery.ts";
import { SandboxLeases } from "./sandbox-leases.ts";

const sandbox: SandboxRecord = {
  id: "sbx",
  organisation: "org",
  region: "ord",
  status: "running",
  memoryMiB: 1_280,
  createdAt: 1,
  stopAt: 2,
  stoppedAt: null,
  stopReason: null,
  pausedAt: null,
  parent: null,
  onIdle: "end",
  idleMs: null,
  labels: {},
  network: { allowNet: [], deny: [], rules: [], secrets: {} },
};

test("when a host fails while sandboxes are taken over, it is asked again, and neither a start nor other sandboxes suffer", async () => {
  await using store = openStore({ sqlite: ":memory:" });
  await store.organisations.insert({ id: "org", slug: "org", name: "org", createdAt: 1 });
  const gone = { owner: "cp_gone", expiresAt: 1 };
  await store.sandboxes.insert(sandbox, { ...gone, host: "host_1" }, null);
  await store.sandboxes.insert({ ...sandbox, id: "other" }, { ...gone, host: "host_2" }, null);
  const asked: string[] = [];
  let failures = 1;
  const host = (id: string) => ({
    id,
    paused: async () => [],
    async adopt(_owner: string, _ids: string[], from: string) {
      if (from === "cp_gone") asked.push(id);
      if (from === "cp_gone" && id === "host_1" && failures-- > 0) throw new Error("the host is gone");
      return [];
    },
  });
  const log = createLogger("silent");
  await using leases = new SandboxLeases({ owner: "cp_1", store: store.sandboxes, log });
  let renewal = async () => {};
  leases.keep = (turn) => void (renewal = turn);
  const options = {
    store: store.sandboxes,
    doors: { load: async () => {}, forget: () => [] },
    hosts: new Hosts(["host_1", "host_2"].map((id) => host(id) as unknown as Host)),
    leases,
    events: { publish: () => {} },
    log,
  };
  const paused = { ids: [], adopt: async () => {}, release: () => {}, expire: async () => {} };
  const recovery = new Recovery(options as unknown as SandboxesContext, { running: () => [], take: () => {}, paused });
  const ids = async () => (await store.sandboxes.running("cp_1")).map(({ record }) => record.id);
  await recovery.start();
  assert.deepEqual([asked, await ids()], [["host_1", "host_2"], ["sbx"]]);
  await renewal();
  assert.deepEqual([asked, await ids()], [["host_1", "host_2", "host_1"], []]);
  await renewal();
  assert.equal(asked.length, 3);
});

test("a start does not wait until what has been paused for too long is removed", async () => {
  await using store = openStore({ sqlite: ":memory:" });
  const removing = Promise.withResolvers<void>();
  let asked = 0;
  const expire = async () => {
    asked++;
    await removing.promise;
  };
  const host = { id: "host_1", paused: async () => [], adopt: async () => [] };
  const log = createLogger("silent");
  await using leases = new SandboxLeases({ owner: "cp_1", store: store.sandboxes, log });
  leases.keep = () => {};
  const doors = { load: async () => {} };
  const options = { store: store.sandboxes, hosts: new Hosts([host as unknown as Host]), doors, leases, log };
  const paused = { ids: [], adopt: async () => {}, release: () => {}, expire };
  const recovery = new Recovery(options as unknown as SandboxesContext, { running: () => [], take: () => {}, paused });
  await recovery.start();
  assert.equal(asked, 1);
  removing.resolve();
  await recovery.settled();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { openStore, type RevisionRecord } from "@sandkeep/store";
import { Stages } from "../../apps/deploying/stages.ts";
import type { Services } from "../env.ts";
import { progressSteps } from "./revision-steps.ts";

test("progress comes again only when it has changed, however much the deployment says", async () => {
  await using store = openStore({ sqlite: ":memory:" });
  const of = { id: "a", organisation: "o", labels: {}, config: {}, createdAt: 1 };
  await store.organisations.insert({ id: "o", slug: "o", name: "o", createdAt: 1 });
  await store.apps.insert({ ...of, slug: "a", envVars: [], layers: [], updatedAt: 1 }, 1);
  const stages = new Stages(["production"]);
  const revision = { ...of, id: "r", app: "a", owner: "cp", status: "building", retention: "auto", spec: {} };
  const record = { ...revision, progress: stages.progress, disk: null } as unknown as RevisionRecord;
  await store.apps.revisions.insert(record);

  let changed = Promise.withResolvers<void>();
  const deployment = {
    get changed() {
      return changed.promise;
    },
  };
  const apps = { deployments: { of: () => deployment }, context: { store: store.apps } };
  const services = { apps, closing: new AbortController().signal } as unknown as Services;
  const save = async () => {
    await store.apps.revisions.setProgress({ ...record, progress: stages.progress, buildLog: stages.log });
    const { resolve } = changed;
    changed = Promise.withResolvers();
    resolve();
    await setImmediate();
  };

  await using steps = progressSteps(services, record, new AbortController().signal);
  assert.equal((await steps.next()).value!.preparing.status, "pending");
  const next = steps.next();
  stages.say("preparing", "a line");
  await save();
  stages.prepare();
  await save();
  assert.equal((await next).value!.preparing.status, "running");
});

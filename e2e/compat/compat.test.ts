/**
 * Unchanged programs in a sandbox, through the egress proxy: each trusts the installation's CA without being told, and shows
 * a secret, of which the sandbox has a placeholder, to an upstream that wants the real value.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Upstream } from "./servers/upstream.ts";
import { suites } from "./suites/mod.ts";
import { World } from "./world.ts";

/** Part of the names of the suites to run, for work on one of them; all by default. */
const { SANDKEEP_E2E_ONLY: only = "" } = process.env;
/** One suite; one that takes longer hangs. In milliseconds. */
const TIMEOUT_MS = 300_000;

let world: World;
before(async () => {
  world = await World.create();
});
after(() => world?.[Symbol.asyncDispose]());

test("the sandbox has placeholders only", async () => {
  const environment = await world.guest.run("env");
  for (const { credential } of Object.values(world.upstreams)) {
    if (!credential) continue;
    assert.ok(!environment.includes(credential.value));
    assert.match(environment, new RegExp(`^${credential.variable}=DENO_SECRET_PLACEHOLDER_`, "m"));
  }
});

for (const [name, suite] of Object.entries(suites)) {
  if (name.includes(only)) describe(name, { timeout: TIMEOUT_MS }, () => suite(() => world));
}

// Of the last suite's sandbox this is not the log: what is in it was reported long ago.
if (only === "") {
  test("the log names the secrets that were used, and holds no value", async () => {
    const events = await Array.fromAsync(world.guest.sandbox.egress.log());
    const used = new Set(events.flatMap((event) => (event.kind === "http" ? event.secrets : [])));
    const credentials = Object.values<Upstream>(world.upstreams).flatMap(({ credential }) => credential ?? []);
    assert.deepEqual([...used].sort(), credentials.map(({ variable }) => variable).sort());
    const log = JSON.stringify(events);
    for (const { value } of credentials) assert.ok(!log.includes(value));
  });
}

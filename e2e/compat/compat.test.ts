/**
 * Unchanged programs in a sandbox, through the egress proxy. Each trusts the installation's CA without configuration,
 * and sends a secret, of which the sandbox has only a placeholder, to an upstream that requires the real value.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Upstream } from "./servers/upstream.ts";
import { suites } from "./suites/mod.ts";
import { World } from "./world.ts";

/** Part of the names of the suites to run, for working on one of them; all by default. */
const { SANDKEEP_E2E_ONLY: only = "" } = process.env;
/** Time limit for one suite, in milliseconds. */
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

// This is the shared sandbox's log, not that of the last suite's own sandbox: its events were reported long ago.
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

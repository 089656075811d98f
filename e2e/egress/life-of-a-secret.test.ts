/** Class 13: a secret added, rotated and revoked while connections are open, and where its value must never be. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Sandbox } from "sandkeep";
import { machinePids, pidOfSandbox } from "../harness/machines.ts";
import { Arena } from "./fixture/arena.ts";
import type { Attacker } from "./fixture/attacker.ts";
import { findInFiles, findInMemory, findInProcesses, formsOf } from "./fixture/hunt.ts";
import { Stepper } from "./fixture/stepper.ts";

const API = "api.test.example";
const fresh = () => `sk-${randomBytes(24).toString("hex")}`;

/** Values in the order in which they were set. */
const values = { created: fresh(), added: fresh(), rotated: fresh(), refused: fresh() };
const allForms = Object.values(values).flatMap(formsOf);
const texts: string[] = [];

let arena: Arena;
let attacker: Attacker;
before(async () => {
  arena = await Arena.open({
    upstreams: {
      [API]: { handler: (request, response) => response.end(`you sent ${request.headers.authorization}\n`) },
    },
    // Log as much as possible.
    config: { log: { level: "trace" } },
  });
  // With a duration: what it may reach, secrets included, is stored, because it outlives the server.
  attacker = await arena.attacker({
    allowNet: [API],
    timeout: "10m",
    secrets: { CREATED: { hosts: [API], value: values.created } },
  });
});
after(async () => {
  await attacker?.sandbox.kill();
  await arena?.[Symbol.asyncDispose]();
});

const secretPath = (name: string) => `/api/v1/sandboxes/${attacker.id}/egress/secrets/${name}`;
async function placeholderOf(name: string): Promise<string> {
  return (await attacker.sandbox.sh`printenv ${name}`.text()).trim();
}
async function call(...args: Parameters<Arena["api"]>): Promise<number> {
  const { status, text } = await arena.api(...args);
  texts.push(text);
  return status;
}
/** What the upstream received in a step. */
const credentialOf = (step: string) =>
  new RegExp(`x-step: ${step}\\r\\nauthorization: Bearer (\\S+)\\r`, "i").exec(arena.upstream(API).text)?.[1];

test("a first secret added later is a placeholder for new processes, and works", async () => {
  assert.equal(await call("PUT", secretPath("ADDED"), { value: values.added, hosts: [API] }), 200);
  const key = await placeholderOf("ADDED");
  assert.match(key, /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/);
  await using stepper = await Stepper.start(attacker, API);
  assert.equal((await stepper.step("added", key)).status, 200);
  assert.equal(credentialOf("added"), values.added);
});

test("rotated and revoked while a connection is open, it takes effect with the next request", async () => {
  const key = await placeholderOf("ADDED");
  await using stepper = await Stepper.start(attacker, API);
  assert.match((await stepper.step("before", key)).body ?? "", new RegExp(`Bearer (${key}|REDACTED)`));
  assert.equal(credentialOf("before"), values.added);

  assert.equal(await call("PUT", secretPath("ADDED"), { value: values.rotated }), 200);
  assert.equal((await stepper.step("rotated", key)).status, 200);
  assert.equal(credentialOf("rotated"), values.rotated);
  assert.equal(await placeholderOf("ADDED"), key, "its placeholder stays");

  assert.equal(await call("DELETE", secretPath("ADDED")), 204);
  await stepper.step("revoked", key);
  const sent = credentialOf("revoked");
  assert.ok(sent === undefined || sent === key, "the placeholder, or nothing");
  assert.equal(arena.upstream(API).text.split(values.rotated).length - 1, 1);
  assert.equal(await attacker.sandbox.sh`printenv ADDED || echo none`.text(), "none\n");
});

test("an approval taken away ends it on an open connection, too", async () => {
  const key = await placeholderOf("CREATED");
  await using stepper = await Stepper.start(attacker, API);
  await stepper.step("approved", key);
  assert.equal(credentialOf("approved"), values.created);
  assert.equal(await call("PUT", secretPath("CREATED"), { value: values.created, hosts: ["other.test.example"] }), 200);
  await stepper.step("unapproved", key);
  assert.ok([undefined, key].includes(credentialOf("unapproved")));
  assert.equal(await call("PUT", secretPath("CREATED"), { value: values.created, hosts: [API] }), 200);
});

test("errors do not repeat a value", async () => {
  const refusals = [
    arena.api("PUT", secretPath("X"), { value: values.refused, hosts: ["not a host"] }),
    arena.api("PUT", secretPath("X"), { value: `${values.refused}\n`, hosts: [API] }),
    arena.api("PUT", secretPath("X"), { value: values.refused }),
    arena.api("PUT", secretPath("X"), { value: { nested: values.refused } }),
    arena.api("PUT", secretPath("X=Y"), { value: values.refused, hosts: [API] }),
    arena.api("PUT", secretPath("X"), { value: values.refused.repeat(400), hosts: [API] }),
    arena.api("PUT", "/api/v1/sandboxes/none/egress/secrets/X", { value: values.refused, hosts: [API] }),
  ];
  for (const { status, text } of await Promise.all(refusals)) {
    texts.push(text);
    assert.ok(status >= 400, text);
  }
  const bad = { X: { hosts: ["not a host"], value: values.refused } };
  texts.push(
    String(await Sandbox.create({ secrets: bad }).catch((error: Error) => `${error.stack} ${JSON.stringify(error)}`)),
  );
});

describe("no value, in no form,", () => {
  test("is in the memory of any machine, but its placeholder is", () => {
    const pid = pidOfSandbox(arena.server.dataDir, attacker.id)!;
    assert.ok(
      findInMemory(pid, [Buffer.from("DENO_SECRET_PLACEHOLDER_")]).length > 0,
      "the search finds what is there",
    );
    for (const machine of machinePids(arena.server.dataDir)) assert.deepEqual(findInMemory(machine, allForms), []);
  });

  test("is in the data directory: disks, database, its log, keys", async () => {
    await attacker.root("sync");
    const folder = arena.server.dataDir;
    assert.ok(findInFiles(folder, [Buffer.from(attacker.id)]).length > 0, "the search finds what is there");
    assert.deepEqual(findInFiles(folder, allForms), []);
  });

  test("is in the command line or environment of any process", () => {
    assert.ok(findInProcesses([Buffer.from(arena.server.dataDir)]).length > 0, "the search finds what is there");
    assert.deepEqual(findInProcesses(allForms), []);
  });

  test("is in the server's log, in events, in answers of the API, in errors", async () => {
    for (const path of ["egress", "egress/log", "egress/log?format=har"])
      texts.push((await arena.api("GET", `/api/v1/sandboxes/${attacker.id}/${path}`)).text);
    texts.push(
      (await arena.api("GET", `/api/v1/sandboxes/${attacker.id}`)).text,
      (await arena.api("GET", "/api/v1/sandboxes")).text,
    );
    const events = JSON.stringify(await arena.events(attacker.id));
    assert.match(events, /secret\.rotated/);
    const all = Buffer.from([arena.server.log, events, ...texts].join("\n"));
    for (const form of allForms) assert.ok(!all.includes(form), form.toString());
  });

  test("is in a core dump or the environment of a process in the sandbox", async () => {
    const { stdout } = await attacker.root(
      "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; sleep 100 & kill -ABRT $!; wait; dmesg | tail -50",
    );
    for (const value of Object.values(values)) assert.ok(!stdout.includes(value));
  });
});

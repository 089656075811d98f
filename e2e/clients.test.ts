/**
 * The same suites with both clients, against one server as users start it, and a check that they cover every method.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { later } from "./coverage/later.ts";
import { Recorder } from "./coverage/recorder.ts";
import { publicMembers } from "./coverage/typings.ts";
import { loadSdks } from "./harness/sdk.ts";
import { startForClients } from "./harness/server.ts";
import { suites } from "./suites/mod.ts";

/** Suites at a time: one waits for its sandbox while the other uses the processors. */
const CONCURRENCY = 2;
/** Time limit for one suite of one client, in milliseconds. */
const TIMEOUT_MS = 300_000;
/** Part of the names of the suites to run, for working on one of them; all by default. */
const { SANDKEEP_E2E_ONLY: only = "" } = process.env;

const sdks = (await loadSdks()).map((sdk) => ({ sdk, recorder: new Recorder(sdk) }));
let server: AsyncDisposable;

before(async () => {
  server = await startForClients();
});

after(() => server?.[Symbol.asyncDispose]());

describe("clients", { concurrency: CONCURRENCY }, () => {
  for (const { sdk } of sdks) {
    for (const [name, suite] of Object.entries(suites)) {
      const title = `${sdk.name}: ${name}`;
      if (title.includes(only)) describe(title, { concurrency: 1, timeout: TIMEOUT_MS }, () => suite(sdk));
    }
  }
});

describe("coverage", { skip: only !== "" && "only some suites ran" }, () => {
  const members = publicMembers();

  test("finds the public methods in the typings", () => {
    for (const member of [
      "Sandbox.create",
      "Sandbox.sh",
      "SandboxFs.readFile",
      "FsFile.seek",
      "FsFile.readable",
      "SandboxCommandBuilder.json",
      "Sandboxes.list",
      "KillSignal.linkChild",
    ]) {
      assert.ok(members.has(member), member);
    }
    assert.ok(members.size > 150, String(members.size));
  });

  test("lists nothing as later that does not exist", () => {
    assert.deepEqual(
      [...later.keys()].filter((member) => !members.has(member)),
      [],
    );
  });

  for (const { sdk, recorder } of sdks) {
    test(`${sdk.name}: every public method was used, or comes later for a reason`, () => {
      assert.deepEqual(
        [...members].filter((member) => !recorder.used.has(member) && !later.has(member)),
        [],
      );
    });
  }
});

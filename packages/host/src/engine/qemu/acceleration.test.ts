import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { forgetVerdicts, PROOF_TIMEOUT_MS, type ProveOptions, proveAcceleration } from "./acceleration.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-kvm-"));
after(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;

/** A computer with a device that can be opened, on which guests either start or do not. */
function computer(boot: ProveOptions["boot"]) {
  const cache = join(dir, `${count++}.json`);
  const prove = () => proveAcceleration({ cache, versions: { qemu: "10" }, device: "/dev/null", boot });
  return { cache, prove };
}

test("KVM that works is used, and not asked again", async () => {
  let boots = 0;
  const { prove } = computer(async () => void boots++);
  assert.equal((await prove()).kind, "kvm");
  assert.equal((await prove()).kind, "kvm");
  assert.equal(boots, 1);
});

test("a verdict on one image leaves those on others alone, of which the newest are kept", async () => {
  const cache = join(dir, `${count++}.json`);
  let boots = 0;
  const prove = (image: number) =>
    proveAcceleration({
      cache,
      versions: { image: String(image) },
      device: "/dev/null",
      boot: async () => void boots++,
    });
  for (const image of [1, 2, 1, 2]) await prove(image);
  assert.equal(boots, 2);
  for (let image = 3; image < 40; image++) await prove(image);
  assert.ok(Object.keys(JSON.parse(readFileSync(cache, "utf8")) as object).length < 20);
});

test("what fails under emulation too is no verdict on KVM: the error is thrown, and gone when it is repaired", async () => {
  let jail = false;
  const { prove, cache } = computer(async () => {
    if (!jail) throw new Error("bwrap: No permissions to create new namespace");
  });
  await assert.rejects(prove(), /No permissions to create new namespace/);
  assert.equal(existsSync(cache), false);
  jail = true;
  assert.equal((await prove()).kind, "kvm");
});

test("a failure of one moment is no verdict: KVM is tried again after emulation worked", async () => {
  const failures = [new Error("QEMU ended: SIGKILL")];
  const { prove } = computer(async (kind) => {
    const failure = failures.shift();
    if (failure) throw failure;
    if (kind === "tcg") await setTimeout(100);
  });
  assert.equal((await prove()).kind, "kvm");
});

test("KVM that fails where emulation works is a verdict, kept until it is forgotten", async () => {
  let broken = true;
  const asked: [string, number][] = [];
  const { prove, cache } = computer(async (kind, timeoutMs) => {
    asked.push([kind, timeoutMs]);
    if (kind === "tcg") await setTimeout(100);
    if (kind === "kvm" && broken) throw new Error("KVM: entry failed");
  });
  assert.match((await prove()).reason, /does not start under KVM: KVM: entry failed/);
  assert.deepEqual(
    asked.map(([kind]) => kind),
    ["kvm", "tcg", "kvm"],
  );
  assert.ok(asked[2]![1] >= PROOF_TIMEOUT_MS);
  broken = false;
  assert.equal((await prove()).kind, "tcg");
  assert.match(readFileSync(cache, "utf8"), /entry failed/);
  await forgetVerdicts(cache);
  assert.equal((await prove()).kind, "kvm");
});

test("KVM that has had as long as emulation takes is not tried again", async () => {
  const asked: string[] = [];
  const { prove } = computer(async (kind) => {
    asked.push(kind);
    if (kind === "tcg") return;
    await setTimeout(100);
    throw new Error("The guest's agent did not answer.");
  });
  assert.equal((await prove()).kind, "tcg");
  assert.deepEqual(asked, ["kvm", "tcg"]);
});

test("without a device there is nothing to prove", async () => {
  const boot = () => Promise.reject(new Error("never"));
  const found = await proveAcceleration({
    cache: join(dir, "none.json"),
    versions: {},
    device: join(dir, "nothing"),
    boot,
  });
  assert.deepEqual(found, { kind: "tcg", reason: `this machine has no ${join(dir, "nothing")}` });
});

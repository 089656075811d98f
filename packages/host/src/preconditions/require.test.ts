import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { explainStart, PreconditionError, requireImageBuilding, requireMachines } from "./require.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-require-"));
after(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;

/** A computer with these programs in addition to those of every Debian. */
function computer(programs: Record<string, string>): NodeJS.ProcessEnv {
  const bin = mkdtempSync(join(dir, `${count++}-`));
  for (const name of ["sh", "prlimit", "setpriv", "perl", "unshare", "true"])
    symlinkSync(`/usr/bin/${name}`, join(bin, name));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return { PATH: bin };
}

const QEMU = { "qemu-system-x86_64": "echo 10.0.2", "qemu-img": "echo 10.0.2" };

async function refusal(attempt: Promise<void>): Promise<PreconditionError> {
  const error = await attempt.then(
    () => assert.fail("nothing was missing"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof PreconditionError, String(error));
  return error;
}

test("names each program that machines need and that is missing or too old, with its package", async () => {
  const missing = await refusal(requireMachines("full", computer({ bwrap: "echo 0.8" })));
  assert.match(missing.message, /cannot run machines: qemu-system-x86_64 not found; .*qemu-img not found/);
  assert.match(missing.repair!, /apt-get install qemu-system-x86 .*; .*apt-get install qemu-utils/);
  const old = await refusal(
    requireMachines("full", computer({ ...QEMU, "qemu-img": "echo 7.2.0", bwrap: "echo 0.8" })),
  );
  assert.match(old.message, /qemu-img 7\.2\.0 .* is older than 8\.2/);
});

test("says why the jail cannot be created, in the words of the tool", async () => {
  const error = await refusal(
    requireMachines(
      "full",
      computer({ ...QEMU, bwrap: "echo 'bwrap: No permissions to create new namespace' >&2; [ $1 = --version ]" }),
    ),
  );
  assert.match(error.message, /jail cannot be created: .*bwrap: No permissions to create new namespace/);
  assert.ok(error.repair);
});

test("the minimal jail works without bwrap", async () => {
  await requireMachines("minimal", computer(QEMU));
});

test("names what building the image needs", async () => {
  const error = await refusal(
    requireImageBuilding(computer({ mke2fs: "echo 1.47", zstd: "echo 1.5", newuidmap: "", go: "echo 1.24" })),
  );
  assert.match(error.message, /cannot build the guest image: mmdebstrap not found/);
  assert.match(error.repair!, /apt-get install mmdebstrap/);
});

test("a start that fails for the egress proxy's keys says which, and how to repair them", async () => {
  const error = new Error("something low");
  const egress = mkdtempSync(join(dir, "egress-"));
  assert.equal(await explainStart(error, join(dir, "nowhere")), error);
  for (const name of ["ca.pem", "ca-key.pem", "secrets.key"])
    writeFileSync(join(egress, name), "garbage", { mode: 0o600 });
  assert.match(String(await explainStart(error, egress)), /egress proxy cannot start: egress .*ca\.pem cannot be used/);
  chmodSync(join(egress, "secrets.key"), 0o644);
  const open = (await explainStart(error, egress)) as PreconditionError;
  assert.match(open.message, /others may read .*secrets\.key/);
  assert.equal(open.repair, `chmod 600 ${join(egress, "secrets.key")}`);
});

test("a user without a name, as in a container, is no obstacle", async (context) => {
  if (process.getuid!() !== 0) return context.diagnostic("only root can become another user");
  const module = JSON.stringify(new URL("./current-user.ts", import.meta.url).href);
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--input-type=module",
    "-e",
    `const { currentUser } = await import(${module}); process.setuid(64_999); console.log(JSON.stringify(currentUser()))`,
  ]);
  assert.deepEqual(JSON.parse(stdout), { uid: 64_999, userName: "64999" });
});

/**
 * Where namespaces are forbidden, as in a container with Docker's defaults: what a first command prints, and the
 * minimal jail.
 */
import assert from "node:assert/strict";
import { readFileSync, readlinkSync } from "node:fs";
import { after, before, test } from "node:test";
import { asUserOf } from "../harness/intruder.ts";
import { folderOfSandbox, pidOfSandbox } from "../harness/machines.ts";
import { withoutNamespaces } from "../harness/without-namespaces.ts";
import { Installation } from "./installation.ts";

let installation: Installation;
before(async () => void (installation = await Installation.create({}, withoutNamespaces())));
after(() => installation[Symbol.asyncDispose]());
const minimal = { env: { SANDKEEP_JAIL: "minimal" } };

interface Doctor {
  verdict: string;
  findings: { name: string; verdict: string; detail: string; repair?: string }[];
}

test("the first command says why no machine can run, and what to do, in doctor's words", async () => {
  const { code, stderr } = await installation.call(["run", "--", "true"]);
  assert.equal(code, 125, stderr);
  assert.match(stderr, /This computer cannot run machines: jail cannot be created: bwrap: .*\[HOST_NOT_READY\]/s);
  assert.match(stderr, /--jail minimal/);
  const { stdout } = await installation.call(["--json", "doctor"]);
  const jail = (JSON.parse(stdout) as Doctor).findings.find(({ name }) => name === "jail")!;
  assert.equal(jail.verdict, "fail");
  assert.ok(stderr.includes(jail.detail), jail.detail);
  assert.ok(stderr.includes(jail.repair!), jail.repair);
});

test("the minimal jail is chosen by people only: a server that is not told of it does not start", async () => {
  const { code, stderr } = await installation.call(["serve", "--port", "0"]);
  assert.notEqual(code, 0);
  assert.match(stderr, /HOST_NOT_READY/);
});

test("with the minimal jail sandboxes run, each with a user of its own, no privileges and two filters", async () => {
  const id = (await installation.output(["create", "--timeout", "5m"], minimal)).trim();
  assert.equal(
    await installation.output(["exec", id, "--", "sh", "-c", "echo $((6 * 7)); touch /home/app/file; id -un"], minimal),
    "42\napp\n",
  );
  // The egress proxy serves it: it refuses an internal address in HTTP.
  assert.equal(
    await installation.output(
      ["exec", id, "--", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://169.254.169.254/"],
      minimal,
    ),
    "403",
  );
  const pid = pidOfSandbox(installation.dataDir, id)!;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  assert.match(status, /^NoNewPrivs:\s+1$/m);
  assert.match(status, /^CapEff:\s+0+$/m);
  assert.match(status, /^Seccomp:\s+2$/m);
  assert.equal(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync("/proc/self/ns/net"), "no namespace of its own");
  if (process.getuid!() === 0) {
    assert.doesNotMatch(status, /^Uid:\s+0\b/m);
    // Even without Landlock and seccomp filters the jail's user cannot reach these: the folders on the way are closed
    // to it.
    const folder = folderOfSandbox(installation.dataDir, id)!;
    assert.equal(
      asUserOf(
        pid,
        `for f in machine.json control egress disk.qcow2; do (ln -sf /etc/passwd ${folder}/$f || cat ${folder}/$f) 2>&- && echo "did $f"; done; true`,
      ).trim(),
      "",
    );
  }
  const { stdout } = await installation.call(["--json", "doctor"], minimal);
  const found = (JSON.parse(stdout) as Doctor).findings;
  for (const name of ["jail", "machines' jail"])
    assert.match(found.find((finding) => finding.name === name)!.detail, /^minimal/);
  await installation.output(["kill", id], minimal);
  assert.equal(pidOfSandbox(installation.dataDir, id), undefined);
});

test("a machine with the minimal jail is taken over by the next server", async () => {
  const id = (await installation.output(["create", "--timeout", "5m"], minimal)).trim();
  await installation.output(["exec", id, "--", "sh", "-c", "echo kept > note"], minimal);
  const pid = pidOfSandbox(installation.dataDir, id);
  await installation.output(["stop", "--leave-running"], minimal);
  await installation.output(["run", "--", "true"], minimal);
  assert.equal(await installation.output(["exec", id, "--", "cat", "note"], minimal), "kept\n");
  assert.equal(pidOfSandbox(installation.dataDir, id), pid);
});

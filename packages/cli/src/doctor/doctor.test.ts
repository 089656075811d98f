import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { startTicks } from "@sandkeep/common/process-identity";
import { imagesOf } from "../paths.ts";
import { writeState } from "../server/state.ts";
import { addProgram } from "../testing/programs.ts";
import { temporaryDirectory } from "../testing/temporary-directory.ts";
import type { DoctorContext } from "./check.ts";
import { checkEgress } from "./egress.ts";
import { checkForks } from "./forks.ts";
import { checkIsolation } from "./isolation.ts";
import { checkPrograms } from "./programs.ts";
import { checkResources } from "./resources.ts";
import { runChecks } from "./run-checks.ts";
import { checkServer } from "./server.ts";
import { checkStorage } from "./storage.ts";

const dir = temporaryDirectory();
let count = 0;

/** A machine on which only these programs are installed, beside those that every Debian has. */
function machine(programs: Record<string, string>, more: Partial<DoctorContext> = {}): DoctorContext {
  const bin = join(dir, String(count++));
  mkdirSync(bin);
  for (const name of ["sh", "prlimit", "setpriv", "perl"]) symlinkSync(`/usr/bin/${name}`, join(bin, name));
  for (const [name, script] of Object.entries(programs)) addProgram(bin, name, script);
  return {
    env: { PATH: bin },
    dataDir: join(bin, "data"),
    uid: 1_000,
    userName: "nobody-here",
    jail: "full",
    signal: AbortSignal.timeout(10_000),
    ...more,
  };
}

test("says how machines are forked, once the server knows", async () => {
  const context = machine({});
  assert.deepEqual(await checkForks(context), []);
  const images = imagesOf(context.dataDir, context.env);
  mkdirSync(images, { recursive: true });
  const say = (verdict: object) => writeFileSync(join(images, "forks.json"), JSON.stringify({ one: verdict }));
  say({ method: "copy", reason: "a fork had everything" });
  assert.deepEqual(await checkForks(context), [
    { name: "forks", verdict: "ok", detail: "fast: a fork had everything" },
  ]);
  say({ method: "migration", reason: "the states differ" });
  const [finding] = await checkForks(context);
  assert.equal(finding!.verdict, "warn");
  assert.match(`${finding!.detail} ${finding!.repair}`, /the states differ .* --recheck/);
});

test("says which volumes and snapshots are damaged, as the running server found", async () => {
  const context = machine({});
  const [stopped] = await checkStorage(context);
  assert.deepEqual([stopped!.verdict, stopped!.name], ["fail", "server"]);
  const findings = [
    { disk: "vol_1", state: "fine", detail: "2 layers" },
    { disk: "vol_2", state: "damaged", detail: "a layer is missing" },
    { disk: "snp_1", state: "leak", detail: "it has clusters that no data uses" },
    { disk: null, state: "orphan", detail: "No disk has the file x" },
  ];
  let answer = findings.map((finding) => `${JSON.stringify({ host: "h", ...finding })}\n`).join("");
  const server = createHttpServer((request, response) => {
    assert.equal(`${request.method} ${request.url}`, "GET /api/v1/storage/findings");
    response.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ticks = startTicks(process.pid)!;
    const same = { version: "1", sandboxEndpoint: endpoint, apiEndpoint: endpoint, token: "t", caFile: null };
    await writeState(context.dataDir, { pid: process.pid, startTicks: ticks, ...same });
    assert.deepEqual(
      (await checkStorage(context)).map(({ name, verdict }) => [name, verdict]),
      [
        ["vol_1", "ok"],
        ["vol_2", "fail"],
        ["snp_1", "warn"],
        ["left over", "warn"],
      ],
    );
    answer = "";
    assert.deepEqual(
      (await checkStorage(context)).map(({ verdict }) => verdict),
      ["ok"],
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("names the versions of programs", async () => {
  const findings = await checkPrograms(
    machine({
      "qemu-system-x86_64": "echo 'QEMU emulator version 10.0.2 (Debian)'",
      go: "echo go version go1.24.4 linux/amd64",
    }),
  );
  assert.deepEqual(
    findings.find(({ name }) => name === "qemu-system-x86_64"),
    { name: "qemu-system-x86_64", verdict: "ok", detail: "10.0.2" },
  );
  assert.equal(findings.find(({ name }) => name === "go")?.verdict, "ok");
});

test("says what is missing, how bad that is, and how to install it", async () => {
  const findings = await checkPrograms(machine({}));
  const bwrap = findings.find(({ name }) => name === "bwrap")!;
  assert.equal(bwrap.verdict, "fail");
  assert.match(bwrap.detail, /not found/);
  assert.match(bwrap.repair!, /apt-get install bubblewrap/);
  assert.equal(
    findings.find(({ name }) => name === "mmdebstrap")?.verdict,
    "warn",
    "needed for building an image only",
  );
});

test("finds programs that are too old", async () => {
  const findings = await checkPrograms(machine({ "qemu-system-x86_64": "echo QEMU emulator version 7.2.19" }));
  const qemu = findings.find(({ name }) => name === "qemu-system-x86_64")!;
  assert.equal(qemu.verdict, "fail");
  assert.match(qemu.detail, /7\.2\.19 .* is older than 8\.2/);
  assert.match(qemu.repair!, /bookworm-backports/);
});

test("a file without execute permission is not a program", async () => {
  const context = machine({ bwrap: "echo 0.8.0" });
  chmodSync(join(context.env.PATH!, "bwrap"), 0o644);
  assert.equal((await checkPrograms(context)).find(({ name }) => name === "bwrap")?.verdict, "fail");
});

test("measures memory and the disk of the data directory, which it creates", async () => {
  const findings = await checkResources(machine({}));
  assert.match(findings.find(({ name }) => name === "memory")!.detail, /available, enough for about \d+/);
  assert.match(findings.find(({ name }) => name === "disk")!.detail, /free in /);
});

test("reports when namespaces or the jail do not work, with the original message", async () => {
  const findings = await checkIsolation(
    machine({
      unshare: "echo 'unshare failed: Operation not permitted' >&2; exit 1",
      bwrap: "echo 'No permissions to create new namespace' >&2; exit 1",
    }),
  );
  const [namespaces, jail, subuid, , mapping] = findings;
  assert.equal(namespaces!.verdict, "fail");
  assert.match(namespaces!.detail, /Operation not permitted/);
  assert.match(jail!.detail, /No permissions to create new namespace/);
  assert.equal(subuid!.verdict, "warn");
  assert.equal(mapping!.verdict, "warn");
  assert.match(mapping!.repair!, /uidmap/);
  assert.match(subuid!.repair!, /usermod --add-subuids 100000-165535 nobody-here/);
});

test("root creates its jail without user namespaces", async () => {
  const findings = await checkIsolation(machine({ unshare: "exit 1", bwrap: "exit 0" }, { uid: 0 }));
  assert.deepEqual(
    findings.map(({ name, verdict }) => [name, verdict]),
    [
      ["user namespaces", "ok"],
      ["jail", "ok"],
    ],
  );
});

test("the minimal jail needs no bwrap, and what it lacks is reported", async () => {
  const context = machine({}, { jail: "minimal" });
  assert.equal(
    (await checkPrograms(context)).find(({ name }) => name === "bwrap"),
    undefined,
  );
  const jail = (await checkIsolation(context))[0]!;
  assert.equal(jail.verdict, "warn", jail.detail);
  assert.match(jail.detail, /minimal, as chosen: no namespaces; .*seccomp, (Landlock|no Landlock)/);
  assert.match(jail.repair!, /docs\/security\.md/);
});

test("root needs no subordinate ids", async () => {
  const findings = await checkIsolation(machine({ unshare: "exit 0", bwrap: "exit 0" }, { uid: 0 }));
  assert.deepEqual(
    findings.map(({ name, verdict }) => [name, verdict]),
    [
      ["user namespaces", "ok"],
      ["jail", "ok"],
    ],
  );
});

test("without a server says whether its port is free", async () => {
  const port = async () => (await checkServer(machine({}))).find(({ name }) => name === "port")!;
  const before = await port();
  if (before.verdict !== "ok") return; // Somebody uses it on this machine, which is what the rest would show.
  const occupant = createServer();
  await new Promise<void>((resolve) => occupant.listen(7_777, "127.0.0.1", resolve));
  try {
    assert.match((await port()).detail, /another program uses it/);
  } finally {
    occupant.close();
  }
});

test("checks the egress proxy's keys and certificate, and who can read them", async () => {
  const context = machine({});
  const egress = async () => (await checkEgress(context)).find(({ name }) => name === "egress")!;
  assert.match((await egress()).detail, /first server/);
  const folder = join(context.dataDir, "egress");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { authorityPem } = await import("@sandkeep/egress");
  await authorityPem(folder);
  assert.match((await egress()).detail, /secrets\.key.* is missing/);
  writeFileSync(join(folder, "secrets.key"), "k".repeat(32), { mode: 0o600 });
  assert.deepEqual((await egress()).verdict, "ok");
  for (const [path, mode, bad] of [
    [folder, 0o700, 0o755],
    [join(folder, "secrets.key"), 0o600, 0o640],
    [join(folder, "ca-key.pem"), 0o600, 0o604],
  ] as const) {
    chmodSync(path, bad);
    const { verdict, repair } = await egress();
    assert.equal(verdict, "fail");
    assert.equal(repair, `chmod ${mode.toString(8)} ${path}`);
    chmodSync(path, mode);
  }
  writeFileSync(join(folder, "ca.pem"), "garbage");
  assert.equal((await egress()).verdict, "fail");
  rmSync(join(folder, "ca.pem"));
  assert.equal((await egress()).verdict, "warn");
});

test("finds variables that name CA files that do not exist", async () => {
  const found = async (env: Record<string, string>) =>
    (await checkEgress(machine({}, { env }))).find(({ name }) => name === "authorities")!;
  assert.notEqual((await found({})).verdict, "fail");
  const wrong = await found({ SSL_CERT_FILE: join(dir, "nowhere.pem") });
  assert.equal(wrong.verdict, "warn");
  assert.match(wrong.detail, /SSL_CERT_FILE names .*nowhere\.pem/);
});

test("a check that throws becomes a finding, and the others still run", async () => {
  const findings = await runChecks(
    [
      async function checkSomething() {
        throw new Error("broken");
      },
      checkPrograms,
    ],
    machine({}),
  );
  assert.deepEqual(findings[0], { name: "something", verdict: "fail", detail: "could not be checked: broken" });
  assert.ok(findings.length > 1);
});

/** What the proxy's process can do in its jail, tested from inside: by hooks, which run in it. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { JailKind } from "@sandkeep/jail";
import { echo } from "./testing/echo.ts";
import { JailedLab } from "./testing/jailed.ts";

const root = process.getuid!() === 0;
/** Whether the kernel supports Landlock. */
const landlock = execFileSync("perl", ["-e", "print syscall(444, 0, 0, 1)"], { encoding: "utf8" }) !== "-1";

/** Runs `attempt`, and says whether it succeeded. */
const DID = `const did = async (attempt) => { try { await attempt(); return true; } catch { return false; } };`;

function statusOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split("\n").map((line) => line.split(/:\s*/, 2) as [string, string]));
}

for (const kind of ["full", "minimal"] as const satisfies JailKind[]) {
  describe(`the proxy in the ${kind} jail`, () => {
    let lab: JailedLab;
    before(async () => void (lab = await JailedLab.start(await echo(), kind)));
    after(() => lab?.[Symbol.asyncDispose]());
    const confined = kind === "full" || landlock;

    test("has its own user, no group, no capability, no way to new ones, and a seccomp filter", async () => {
      const status = statusOf(
        await lab.run(`return (await load("node:fs")).readFileSync("/proc/self/status", "utf8");`),
      );
      assert.equal(status.NoNewPrivs, "1");
      assert.equal(status.Seccomp, "2");
      for (const name of ["CapPrm", "CapEff", "CapAmb"]) assert.match(status[name]!, /^0+$/, name);
      const uids = status.Uid!.split("\t");
      assert.equal(new Set(uids).size, 1);
      if (!root) return assert.equal(uids[0], String(process.getuid!()));
      assert.ok(Number(uids[0]) >= 1_879_113_728, uids[0]);
      assert.deepEqual([status.Gid!.split("\t")[0], status.Groups!.trim()], [uids[0], ""]);
      assert.equal(
        await lab.run(`${DID} return await did(() => process.setuid(0)) || await did(() => process.setgid(0));`),
        false,
      );
    });

    test("is seen from outside with its own pid", () => {
      assert.equal(readFileSync(`/proc/${lab.pid}/cmdline`, "utf8").split("\0")[0], process.execPath);
      assert.match(readFileSync(`/proc/${lab.pid}/limits`, "utf8"), /Max core file size +0 +0/);
    });

    test("has no descriptor but those it was given and its own", async () => {
      const names = await lab.run<string[]>(`
        const fs = await load("node:fs");
        return fs.readdirSync("/proc/self/fd").map((fd) => { try { return fs.readlinkSync("/proc/self/fd/" + fd); } catch { return ""; } });`);
      const strange = names.filter(
        (name) => !/^(?:anon_inode:|socket:|pipe:|\/dev\/null$|\/dev\/urandom$|$)/.test(name) && !/\/fd$/.test(name),
      );
      // Those of sockets and pipes have numbers that no other has.
      const own = readdirSync("/proc/self/fd").map((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`);
        } catch {
          return "";
        }
      });
      assert.deepEqual(
        names.filter((name) => /^(?:socket|pipe):/.test(name) && own.includes(name)),
        [],
      );
      // In the minimal jail, the folder of its ports is a descriptor.
      assert.deepEqual(strange, kind === "full" ? [] : [join(lab.dir, "ports", "0")]);
    });

    test("reads no file but its code", { skip: !confined && "this kernel has no Landlock" }, async () => {
      const secret = join(lab.dir, "egress", "secrets.key");
      accessSync(secret);
      // Folders on the way to its code, its ports and Node are there, as empty ones.
      const isWay = (path: string) =>
        [import.meta.dirname, lab.dir, process.execPath].some((end) => `${end}/`.startsWith(`${path}/`));
      const paths = [
        secret,
        join(lab.dir, "egress", "ca-key.pem"),
        join(lab.dir, "guest"),
        "/etc/passwd",
        "/etc/resolv.conf",
        "/etc/ssl",
        "/root",
        "/home",
        "/var",
        "/sys/kernel",
        "/usr/bin/sh",
        "/bin/sh",
        process.cwd() === "/" ? "/boot" : join(process.cwd(), "package.json"),
      ].filter((path) => !isWay(path));
      const read = await lab.run<string[]>(`
        ${DID}
        const fs = await load("node:fs");
        const found = [];
        for (const path of ${JSON.stringify(paths)})
          if (await did(() => fs.closeSync(fs.openSync(path, "r"))) || await did(() => fs.readdirSync(path))) found.push(path);
        return found;`);
      assert.deepEqual(read, []);
      if (kind === "minimal") return;
      // As empty folders on the way to its code there may be some of them; nothing else is in the root.
      const top = await lab.run<string[]>(`return (await load("node:fs")).readdirSync("/");`);
      // Of the data directory only the way to the ports.
      assert.deepEqual(await lab.run(`return (await load("node:fs")).readdirSync(${JSON.stringify(lab.dir)});`), [
        "ports",
      ]);
      for (const name of top)
        assert.ok(!["etc", "var", "sys", "boot", "bin", "sbin", "run"].includes(name) || isWay(`/${name}`), name);
    });

    test("sees no other process", { skip: kind === "minimal" && "it has no namespaces" }, async () => {
      const pids = await lab.run<string[]>(
        `return (await load("node:fs")).readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));`,
      );
      // bubblewrap's process 1, and itself.
      assert.deepEqual(pids, ["1", "2"]);
    });

    test("writes nowhere", { skip: !confined && "this kernel has no Landlock" }, async () => {
      const folders = ["/", "/tmp", "/dev", "/dev/shm", "/proc", "/var/tmp", lab.dir, join(lab.dir, "ports", "0")];
      const wrote = await lab.run<string[]>(`
        ${DID}
        const fs = await load("node:fs");
        const { dirname } = await load("node:path");
        const found = [];
        for (const folder of [...${JSON.stringify(folders)}, process.cwd(), dirname(process.execPath)]) {
          if (await did(() => fs.writeFileSync(folder + "/sandkeep-jail-test", "x"))) found.push(folder);
          if (await did(() => fs.mkdirSync(folder + "/sandkeep-jail-test"))) found.push(folder);
          if (await did(() => fs.symlinkSync("/etc/passwd", folder + "/sandkeep-jail-test"))) found.push(folder);
        }
        if (await did(() => fs.appendFileSync(process.execPath, "x"))) found.push(process.execPath);
        return found;`);
      assert.deepEqual(wrote, []);
    });

    test("starts no program, and signals no process", async () => {
      const did = await lab.run<string[]>(`
        ${DID}
        const { spawnSync } = await load("node:child_process");
        const { Worker } = await load("node:worker_threads");
        const found = [];
        for (const file of ["/bin/sh", "sh", process.execPath, "/usr/bin/perl"]) {
          const { error, status } = spawnSync(file, ["-e", "0"]);
          if (!error && status !== null) found.push(file);
        }
        if (await did(() => process.kill(${process.pid}, 0)) || await did(() => process.kill(1, 0))) found.push("kill");
        // Threads are no processes.
        await new Promise((resolve, reject) => new Worker("0", { eval: true }).once("exit", resolve).once("error", reject));
        return found;`);
      assert.deepEqual(did, []);
    });

    test("knows nothing of the server's environment", async () => {
      const names = await lab.run<string[]>("return Object.keys(process.env).sort();");
      // bubblewrap sets PWD.
      assert.deepEqual(
        names.filter((name) => name !== "PWD"),
        ["LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "OPENSSL_CONF", "TZ"],
      );
    });

    test("connects to the ports of its own sandboxes, and to no other socket of the server", async () => {
      const other = createServer((socket) => socket.end());
      const path = join(lab.dir, "other");
      await new Promise<void>((resolve) => other.listen(path, resolve));
      try {
        const connected = await lab.run<boolean>(`
          ${DID}
          const { connect } = await load("node:net");
          return await did(() => new Promise((resolve, reject) => connect(${JSON.stringify(path)}).once("connect", resolve).once("error", reject)));`);
        assert.equal(connected, !root && kind === "minimal", "without root and namespaces, paths are the user's");
      } finally {
        other.close();
      }
    });

    test("looks up names as the computer does, although it cannot read its settings", async () => {
      const found = await lab.run<{ address: string }[]>(
        `return (await load("node:dns")).promises.lookup("localhost", { all: true });`,
      );
      assert.ok(
        found.some(({ address }) => address === "127.0.0.1" || address === "::1"),
        JSON.stringify(found),
      );
      await assert.rejects(lab.run(`await fetch("http://nowhere.invalid/")`), /fetch failed/);
    });
  });
}

test("one of several proxies sees only its own folder of ports", async () => {
  await using lab = await JailedLab.start(await echo(), "full", { processes: 2 });
  assert.deepEqual(readdirSync(join(lab.dir, "ports")), ["0", "1"]);
  assert.deepEqual(
    await lab.run(`return (await load("node:fs")).readdirSync(${JSON.stringify(join(lab.dir, "ports"))});`),
    ["0"],
  );
});

test("the proxy ends with its server, even if it does not want to", async () => {
  const dir = mkdtempSync(join(tmpdir(), "sk-ends-"));
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const code = `
    import { JailedLab } from ${module("./testing/jailed.ts")};
    import { echo } from ${module("./testing/echo.ts")};
    const lab = await JailedLab.start(await echo(), "full");
    await lab.run("return 1");
    console.log(lab.pid);`;
  const flags = process.execArgv.filter((flag) => /^--(conditions|disable-warning)/.test(flag));
  const server = spawn(process.execPath, [...flags, "--input-type=module", "--eval", code], {
    env: { ...process.env, TMPDIR: dir },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const pid = Number(String((await once(server.stdout, "data"))[0]));
    // It cannot notice that its connection closes.
    process.kill(pid, "SIGSTOP");
    server.kill("SIGKILL");
    while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 10));
  } finally {
    server.kill("SIGKILL");
    rmSync(dir, { recursive: true });
  }
});

test("all of this holds without root", {
  skip: (!root || process.env.SANDKEEP_JAIL_TEST) && "it runs without root",
}, (context) => {
  const user = { uid: 65_533, gid: 65_533 };
  const as = ["--reuid=65533", "--regid=65533", "--clear-groups"];
  const self = fileURLToPath(import.meta.url);
  if (
    spawnSync("setpriv", [...as, process.execPath, "--version"]).status !== 0 ||
    spawnSync("setpriv", [...as, "cat", self]).status !== 0
  )
    return context.skip(`the user ${user.uid} cannot read this code`);
  accessSync("/tmp", constants.W_OK);
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const { status, stdout, stderr } = spawnSync(
    "setpriv",
    [
      ...as,
      process.execPath,
      ...process.execArgv.filter((flag) => !flag.startsWith("--test")),
      "--test",
      "--test-reporter=spec",
      self,
    ],
    {
      encoding: "utf8",
      env: { ...environment, SANDKEEP_JAIL_TEST: "1", TMPDIR: "/tmp", NODE_COMPILE_CACHE: "", HOME: "/nonexistent" },
    },
  );
  assert.equal(status, 0, `${stdout}${stderr}`);
});

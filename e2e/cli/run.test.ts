/** `sandkeep run` as a user first meets it: nothing runs yet, and one command does everything. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Installation } from "./installation.ts";

let installation: Installation;
before(async () => void (installation = await Installation.create()));
after(() => installation[Symbol.asyncDispose]());

interface State {
  pid: number;
  token: string;
}
const state = async () => JSON.parse(await readFile(join(installation.dataDir, "server.json"), "utf8")) as State;

test("two first commands at once start one server, and both work", async () => {
  const [first, second] = await Promise.all([
    installation.call(["run", "--", "echo", "one"]),
    installation.call(["run", "--", "echo", "two"]),
  ]);
  assert.deepEqual([first.code, second.code], [0, 0], first.stderr + second.stderr);
  assert.deepEqual([first.stdout, second.stdout], ["one\n", "two\n"]);
  assert.equal((first.stderr + second.stderr).match(/Starting the server in the background …/g)?.length, 1);
  assert.equal(
    (await stat(join(installation.dataDir, "server.json"))).mode & 0o077,
    0,
    "its token is for its owner only",
  );
});

test("the next command uses the server that runs, and says nothing of it", async () => {
  const { pid } = await state();
  const { code, stdout, stderr } = await installation.call(["run", "--", "uname", "-s"]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "Linux\n", stderr: "" });
  assert.equal((await state()).pid, pid);
});

test("both outputs and the exit code are the command's", async () => {
  const { code, stdout, stderr } = await installation.call(["run", "bash", "-c", "echo out; echo err >&2; exit 7"]);
  assert.deepEqual({ code, stdout, stderr }, { code: 7, stdout: "out\n", stderr: "err\n" });
});

test("a signal that ends the command is told as a shell tells it", async () => {
  assert.equal((await installation.call(["run", "--", "bash", "-c", "kill -TERM $$"])).code, 143);
});

test("standard input goes to the command, whole and to its end", async () => {
  const input = "0123456789abcdef".repeat(200_000);
  const { code, stdout, stderr } = await installation.call(["run", "--", "sha256sum"], { input });
  const { createHash } = await import("node:crypto");
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `${createHash("sha256").update(input).digest("hex")}  -\n`);
});

test("signals are passed on to the command", async () => {
  const child = installation.start([
    "run",
    "--",
    "bash",
    "-c",
    "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.05; done",
  ]);
  const ended = once(child, "close");
  let shown = "";
  child.stdout.setEncoding("utf8");
  for await (const chunk of child.stdout) {
    shown += chunk;
    if (shown === "ready\n") child.kill("SIGTERM");
  }
  assert.equal(shown, "ready\ncaught\n");
  assert.deepEqual(await ended, [5, null]);
});

test("a sandbox ends with a run that is killed", async () => {
  const child = installation.start(["run", "--", "bash", "-c", "echo ready; sleep 600"]);
  await once(child.stdout, "data");
  const [{ id }] = (await installation.json<{ id: string }[]>(["list"])) as [{ id: string }];
  const follower = installation.start(["events", id, "--follow", "--json"]);
  child.kill("SIGKILL");
  for await (const line of follower.stdout.setEncoding("utf8")) {
    if (/"sandbox.stopped"/.test(line)) break;
  }
  follower.kill();
  assert.deepEqual(await installation.json(["list"]), []);
});

test("commands that do not start have a shell's exit codes", async () => {
  const missing = await installation.call(["run", "--", "no-such-command"]);
  assert.equal(missing.code, 127);
  assert.match(missing.stderr, /there is no command "no-such-command"/);
  assert.equal((await installation.call(["run", "--", "/etc/passwd"])).code, 126);
  assert.equal((await installation.call(["run", "--cwd", "/nowhere", "--", "ls"])).code, 127);
});

test("a sandbox whose time is over ends the command with 124", async () => {
  const { code, stderr } = await installation.call(["run", "--timeout", "2s", "--", "sleep", "600"]);
  assert.equal(code, 124, stderr);
  assert.match(stderr, /TIMED_OUT/);
});

test("with --json, what came out is in one object", async () => {
  const { code, stdout } = await installation.call([
    "run",
    "--json",
    "--env",
    "NAME=value",
    "--label",
    "a=b",
    "--",
    "sh",
    "-c",
    "echo $NAME; echo err >&2; exit 3",
  ]);
  const {
    stdout: out,
    stderr: err,
    code: inner,
    signal,
    oom,
    truncated,
  } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual(
    { code, out, err, inner, signal, oom, truncated },
    { code: 3, out: "value\n", err: "err\n", inner: 3, signal: null, oom: false, truncated: false },
  );
});

test("a command that runs out of memory is told so, with how much there was", async () => {
  // Triggers the kernel's reaction to running out of memory directly: reaching that state takes long under emulation.
  const program =
    "import subprocess, time; b = b'x' * (64 << 20); subprocess.run('echo f | sudo tee /proc/sysrq-trigger', shell=True); time.sleep(60)";
  const { code, stderr } = await installation.call(["run", "--memory", "768MiB", "--", "python3", "-c", program]);
  assert.equal(code, 137);
  assert.match(stderr, /the command ran out of memory: the sandbox has 768 MiB \[OUT_OF_MEMORY\]\n.*--memory 1536MiB/);
});

test("memory is as asked for, and a directory is copied in", async () => {
  const source = join(installation.dir, "project");
  await mkdir(join(source, "sub"), { recursive: true });
  await writeFile(join(source, "main.py"), "print(6 * 7)\n");
  await writeFile(join(source, "sub", "data.txt"), "x");
  const { code, stdout, stderr } = await installation.call(
    [
      "run",
      "--memory",
      "2GiB",
      "--copy",
      ".",
      "--cwd",
      "/app",
      "--",
      "sh",
      "-c",
      "python3 main.py; ls sub; awk '/MemTotal/ {print ($2 > 1700000)}' /proc/meminfo",
    ],
    { cwd: source },
  );
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "42\ndata.txt\n1\n" }, stderr);
});

test("refusals before a sandbox is made leave none", async () => {
  const { code, stderr } = await installation.call(["run", "--memory", "64", "--", "true"]);
  assert.equal(code, 2, stderr);
  assert.deepEqual(await installation.json(["list"]), []);
});

test("output is taken no faster than it is read, and a reader that has gone ends it", async () => {
  const child = installation.start(["run", "--", "yes"]);
  const ended = once(child, "close");
  await once(child.stdout, "data");
  child.stdout.destroy();
  assert.deepEqual(await ended, [141, null], "as `yes` ends in a pipe");
});

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { STREAM_METHODS } from "@sandkeep/protocol";
import { startSandbox, type TestClient } from "../testing/mod.ts";

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
before(async () => (sandbox = await startSandbox()));
after(() => sandbox[Symbol.asyncDispose]());

const piped = { stdout: "piped", stderr: "piped" };
const call = (method: string, params: unknown) => sandbox.client.call(method, params);
/** Waits for what a process in the background writes. */
async function written(path: string, content: string): Promise<void> {
  while ((await readFile(path, "utf8").catch(() => "")) !== content) await delay(5);
}
const failure = async (method: string, params: unknown) => (await sandbox.client.request(method, params)).result?.error;

test("a process gives its output and exit", async () => {
  const { status, stdout, stderr } = await sandbox.client.run("bash", ["-c", "echo out; echo err >&2; exit 3"]);
  assert.deepEqual(status, { success: false, code: 3, signal: null, oom: null });
  assert.equal(stdout, "out\n");
  assert.equal(stderr, "err\n");
});

test("outputs that are null have no stream", async () => {
  const { stdoutStreamId, stderrStreamId } = await sandbox.client.run("echo", ["x"], {
    stdout: "null",
    stderr: "null",
  });
  assert.equal(stdoutStreamId, null);
  assert.equal(stderrStreamId, null);
});

test("inherit is piped", async () => {
  assert.equal((await sandbox.client.run("echo", ["x"], { stdout: "inherit" })).stdout, "x\n");
});

test("environment, a clear one, and the working directory", async () => {
  const { client, home } = sandbox;
  await client.call("mkdir", { path: "cwd" });
  assert.equal(
    (await client.run("bash", ["-c", "echo $A; pwd"], { env: { A: "1" }, cwd: "cwd" })).stdout,
    `1\n${home}/cwd\n`,
  );
  assert.equal((await client.run("/usr/bin/env", [], { env: { B: "2" }, clearEnv: true })).stdout, "B=2\n");
});

test("the sandbox's environment is seen by processes started later, on any connection", async () => {
  await call("envSet", { key: "SHARED_ONE", value: "yes" });
  const other = await sandbox.connect();
  assert.equal((await other.run("bash", ["-c", "echo $SHARED_ONE"])).stdout, "yes\n");
  assert.equal(await other.call("envGet", { key: "SHARED_ONE" }), "yes");
  assert.equal((await other.call("envToObject")).SHARED_ONE, "yes");
  assert.equal(await other.call("envDelete", { key: "SHARED_ONE" }), null);
  assert.equal(await call("envGet", { key: "SHARED_ONE" }), null);
  assert.ok(await failure("envSet", { key: "A=B", value: "" }));
  assert.ok(await failure("envSet", { key: "A\0", value: "" }));
});

test("input may come before and after the spawn, and its end ends the process", async () => {
  const { client } = sandbox;
  const stdinStreamId = client.startStream();
  client.enqueue(stdinStreamId, "before ");
  const { pid, stdoutStreamId } = await client.call("spawn", { command: "cat", stdinStreamId, ...piped });
  const exited = client.call("processWait", { pid });
  client.enqueue(stdinStreamId, "after");
  client.endStream(stdinStreamId);
  assert.equal((await exited).code, 0);
  assert.equal((await client.ended(stdoutStreamId)).text, "before after");
});

test("spawn is answered before the input has ended", async () => {
  const { client } = sandbox;
  const stdinStreamId = client.startStream();
  const { pid } = await client.call("spawn", { command: "cat", stdinStreamId, ...piped });
  await client.call("processKill", { pid });
});

test("input for a process that has ended is swallowed, and nothing is cancelled", async () => {
  const { client } = sandbox;
  for (const start of [
    { command: "true" },
    { command: "bash", args: ["-c", "exec <&-; exit 3"] },
    { command: "head", args: ["-c1"] },
  ]) {
    const stdinStreamId = client.startStream();
    client.enqueue(stdinStreamId, "early ".repeat(100_000));
    const { pid, stdoutStreamId } = await client.call("spawn", { ...start, stdinStreamId, ...piped });
    await client.call("processWait", { pid });
    await client.ended(stdoutStreamId);
    client.enqueue(stdinStreamId, "late");
    client.enqueue(stdinStreamId, "not base64?".repeat(3));
    assert.equal((await client.run("true")).status.code, 0);
    client.endStream(stdinStreamId);
    assert.equal((await client.run("true")).status.code, 0);
    assert.equal(
      client.messages.find(
        ({ method, params }) => method === STREAM_METHODS.cancel && params.streamId === stdinStreamId,
      ),
      undefined,
    );
  }
});

test("more input than may wait, for processes that have ended, does not stop the connection", async () => {
  const { client } = sandbox;
  const chunk = "x".repeat(1024 * 1024);
  const stdinStreamId = client.startStream();
  const { pid } = await client.call("spawn", { command: "true", stdinStreamId, ...piped });
  await client.call("processWait", { pid });
  for (let count = 0; count < 100; count++) client.enqueue(stdinStreamId, chunk);
  assert.equal((await client.run("true")).status.code, 0);
});

test("input that fails on the client's side ends", async () => {
  const { client } = sandbox;
  const stdinStreamId = client.startStream();
  const { pid } = await client.call("spawn", { command: "cat", stdinStreamId, ...piped });
  client.notify("$sandbox.stream.error", { streamId: stdinStreamId, error: "gone" });
  assert.equal((await client.call("processWait", { pid })).code, 0);
});

test("a signal ends the whole group, and is told with 128 + n", async () => {
  const { pid } = await call("spawn", { command: "bash", args: ["-c", "sleep 60 & wait"], ...piped });
  await call("processKill", { pid, signal: null });
  assert.deepEqual(await call("processWait", { pid }), { success: false, code: 143, signal: "SIGTERM", oom: null });
  assert.ok(
    await failure("processKill", {
      pid: (await call("spawn", { command: "sleep", args: ["1"], ...piped })).pid,
      signal: "SIGNOPE",
    }),
  );
});

test("a process that is over, or never was, is a TypeError with ENOENT", async () => {
  const { pid } = await sandbox.client.run("true");
  for (const [method, params] of [
    ["processKill", { pid }],
    ["processKill", { pid: 4_000_000 }],
    ["processWait", { pid: 4_000_000 }],
    ["processWait", { pid, vscode: true }],
    ["processKill", { pid, vscode: true }],
    ["denoHttpWait", { pid }],
    ["denoReplEval", { pid, code: "1" }],
    ["denoReplCall", { pid, fn: "f", args: [] }],
    ["denoReplClose", { pid }],
    ["fetch", { url: "http://x/", method: "GET", headers: [], redirect: "follow", pid }],
  ] as const) {
    const error = await failure(method, params);
    assert.equal(error?.constructorName, "TypeError", method);
    assert.equal(error?.code, "ENOENT", method);
  }
});

test("processWait is answered after the exit too, and on another connection", async () => {
  const { pid, status } = await sandbox.client.run("bash", ["-c", "exit 7"]);
  assert.deepEqual(await call("processWait", { pid }), status);
  assert.deepEqual(await (await sandbox.connect()).call("processWait", { pid }), status);
});

test("what cannot be started is an error, and its input is cancelled", async () => {
  const { client } = sandbox;
  const stdinStreamId = client.startStream();
  const { result } = await client.request("spawn", { command: "no-such-command", stdinStreamId, ...piped });
  assert.equal(result!.error!.constructorName, "NotFound");
  await client.until(() =>
    client.messages.find(
      ({ method, params }) => method === "$sandbox.stream.cancel" && params.streamId === stdinStreamId,
    ),
  );
  for (const params of [
    { command: "a\0b" },
    { command: "true", args: ["\0"] },
    { command: "true", cwd: "/nope" },
    { command: "true", env: { "A=": "" } },
    { command: "/" },
  ]) {
    assert.ok(await failure("spawn", { ...params, ...piped }), JSON.stringify(params));
  }
});

test("a command line that is too long is refused, however long, and told the way out", async () => {
  for (const length of [200_000, 3_000_000, 20_000_000]) {
    const error = await failure("spawn", { command: "true", args: ["x".repeat(length)], ...piped });
    assert.equal(error!.code, "E2BIG", String(length));
    assert.match(error!.message, /pass long text on standard input or in a file$/);
  }
});

test("a run ends with its process; what that left running goes on, unheard", async () => {
  const { client, home } = sandbox;
  const script = "(while [ ! -e go-on ]; do sleep 0.02; done; echo late; echo $? > unheard) & echo early";
  const { status, stdout, stderr } = await client.run("bash", ["-c", script]);
  assert.deepEqual([status.code, stdout, stderr], [0, "early\n", ""]);
  await client.call("writeTextFile", { path: "go-on", content: "" });
  await written(`${home}/unheard`, "0\n");
});

test("output that its process printed before it ended arrives whole, though others hold it open", async () => {
  const { stdout } = await sandbox.client.run("bash", ["-c", "sleep 60 & seq 1 200000"]);
  assert.equal(stdout!.length, 1_288_895);
  assert.ok(stdout!.endsWith("\n200000\n"));
});

test("a process whose output a client cancels sees a closed pipe", async () => {
  const { client } = sandbox;
  const { pid, stdoutStreamId, stderrStreamId } = await client.call("spawn", { command: "yes", ...piped });
  const exited = client.call("processWait", { pid });
  await client.until(() => client.stream(stdoutStreamId).kinds.includes("enqueue"));
  client.notify(STREAM_METHODS.cancel, { streamId: stdoutStreamId, reason: null });
  assert.deepEqual(await exited, { success: false, code: 141, signal: "SIGPIPE", oom: null });
  await client.ended(stderrStreamId);
});

test("a process of a client that vanishes sees a closed pipe, and the end of its input", async () => {
  for (const vanish of [
    (client: TestClient) => client.close(),
    (client: TestClient) => void client.socket.terminate(),
  ]) {
    const other = await sandbox.connect();
    const printing = await other.call("spawn", { command: "yes", ...piped });
    const full = await other.call("spawn", { command: "yes", stdinStreamId: other.startStream(), ...piped });
    const reading = await other.call("spawn", { command: "cat", stdinStreamId: other.startStream(), ...piped });
    const terminal = await other.call("sandkeep.spawnPty", { command: "cat", cols: 80, rows: 24 });
    await vanish(other);
    assert.equal((await call("processWait", { pid: printing.pid })).signal, "SIGPIPE");
    assert.equal((await call("processWait", { pid: full.pid })).signal, "SIGPIPE");
    assert.equal((await call("processWait", { pid: reading.pid })).code, 0);
    assert.equal((await call("processWait", { pid: terminal.pid })).signal, "SIGHUP");
  }
});

test("a process that prints does not notice that the server leaves for a while", async () => {
  await using other = await startSandbox();
  const script = "while :; do echo heard; echo x >> ticks; sleep 0.01; done";
  const { pid } = await other.client.call("spawn", {
    command: "bash",
    args: ["-c", script],
    stdinStreamId: other.client.startStream(),
    ...piped,
  });
  other.sandbox.leave();
  await other.client.close();
  const ticks = async () => (await readFile(`${other.home}/ticks`, "utf8").catch(() => "")).length;
  const before = await ticks();
  while ((await ticks()) < before + 20) await delay(5);
  const again = await other.connect();
  await again.call("processKill", { pid });
  assert.equal((await again.call("processWait", { pid })).signal, "SIGTERM");
});

test("processes that print nothing survive their client", async () => {
  const other = await sandbox.connect();
  const { pid } = await other.call("spawn", {
    command: "bash",
    args: ["-c", "sleep 0.2; echo alive > survivor"],
    ...piped,
  });
  await other.close();
  assert.equal((await call("processWait", { pid })).code, 0);
  assert.equal(await readFile(`${sandbox.home}/survivor`, "utf8"), "alive\n");
});

test("every command is told as an event", async () => {
  const { pid } = await sandbox.client.run("bash", ["-c", "exit 4"], { cwd: "/" });
  const told = sandbox.activities.at(-1)!;
  assert.equal(told.kind, "command");
  assert.equal(told.outcome, "failed");
  const { durationMs, ...data } = told.data as { durationMs: number };
  assert.deepEqual(data, { argv: ["bash", "-c", "exit 4"], cwd: "/", pid, exitCode: 4, signal: null, oom: false });
  assert.ok(durationMs >= 0);
  await failure("spawn", { command: "no-such-command", ...piped });
  assert.match((sandbox.activities.at(-1)!.data as { error: string }).error, /No such file|no-such-command|not found/i);
});

test("sandkeep.spawnPty gives a terminal of the asked for size, and ptyResize changes it", async () => {
  const { client } = sandbox;
  const stdinStreamId = client.startStream();
  const { pid, stdoutStreamId } = await call("sandkeep.spawnPty", {
    command: "bash",
    args: ["--norc", "--noprofile"],
    cols: 91,
    rows: 17,
    stdinStreamId,
  });
  const exited = call("processWait", { pid });
  client.enqueue(stdinStreamId, "stty size; echo $TERM; tty > /dev/null && echo terminal\n");
  const stream = client.stream(stdoutStreamId);
  await client.until(
    () => /17 91\r\n/.test(stream.text) && /xterm-256color\r\n/.test(stream.text) && /\nterminal\r\n/.test(stream.text),
  );
  await call("sandkeep.ptyResize", { pid, cols: 50, rows: 20 });
  client.enqueue(stdinStreamId, "stty size\n");
  await client.until(() => /20 50\r\n/.test(stream.text));
  client.enqueue(stdinStreamId, "exit 5\n");
  assert.equal((await exited).code, 5);
  await client.ended(stdoutStreamId);
});

test("sandkeep.processList tells of running and ended processes", async () => {
  const { pid } = await call("spawn", { command: "sleep", args: ["60"], ...piped });
  const list = await call("sandkeep.processList", {});
  const mine = list.find((entry: { pid: number }) => entry.pid === pid);
  assert.equal(mine.exit, null);
  assert.deepEqual([mine.command, ...mine.args], ["sleep", "60"]);
  await call("processKill", { pid, signal: "SIGKILL" });
  await call("processWait", { pid });
  const after = await call("sandkeep.processList", {});
  assert.equal(after.find((entry: { pid: number }) => entry.pid === pid).exit.signal, "SIGKILL");
});

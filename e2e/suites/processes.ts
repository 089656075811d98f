import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { decode, encode, sha256, testBytes } from "../harness/bytes.ts";
import { runClient } from "../harness/client-program.ts";
import { failsWith } from "../harness/errors.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

const MiB = 1024 * 1024;
const PIPED = { stdout: "piped", stderr: "piped" } as const;

/** `spawn` and `ChildProcess`. */
export default function processes(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);

  function bash(script: string, options: object = {}) {
    return sandbox().spawn("bash", { args: ["-c", script], ...PIPED, ...options });
  }

  test("runs a program with arguments as they are, and gives its output and status", async () => {
    const child = await sandbox().spawn("printf", { args: ["%s|", "a b", "", "$HOME", "*", "'\""], ...PIPED });
    assert.ok(child.pid > 0);
    const { status, stdout, stderr, stdoutText, stderrText } = await child.output();
    assert.deepEqual(status, { success: true, code: 0, signal: null, oom: false });
    assert.equal(stdoutText, "a b||$HOME|*|'\"|");
    assert.equal(stderrText, "");
    assert.equal(decode(stdout!), stdoutText);
    assert.equal(stderr?.length, 0);
  });

  test("keeps standard output and standard error apart", async () => {
    const { status, stdoutText, stderrText } = await (await bash("echo out; echo err >&2; exit 42")).output();
    assert.deepEqual([status.success, status.code, stdoutText, stderrText], [false, 42, "out\n", "err\n"]);
  });

  test("has no streams for what is not piped", async () => {
    const child = await sandbox().spawn("bash", {
      args: ["-c", "echo thrown away"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    assert.deepEqual([child.stdin, child.stdout, child.stderr], [null, null, null]);
    const { stdout, stderr, stdoutText, stderrText, status } = await child.output();
    assert.deepEqual([stdout, stderr, stdoutText, stderrText, status.success], [null, null, null, null, true]);
  });

  test("gives a process without input an empty one", async () => {
    assert.equal((await (await bash("cat; echo end")).output()).stdoutText, "end\n");
  });

  test("prints where the client prints, unless told otherwise", async () => {
    const { stdout, stderr, code } = await runClient(
      sdk,
      `
      const child = await sandbox.spawn("bash", { args: ["-c", "echo inherited; echo also >&2"] });
      if (child.stdout !== null || child.stderr !== null) throw new Error("there are streams");
      await child.status;
      await sandbox.sh\`echo by a shell\`;
      await new Promise((resolve) => setTimeout(resolve, 500));
    `,
    );
    assert.deepEqual([stdout, stderr, code], ["inherited\nby a shell\n", "also\n", 0]);
  });

  test("writes to standard input until it is closed", async () => {
    const child = await sandbox().spawn("cat", { stdin: "piped", ...PIPED });
    const writer = child.stdin!.getWriter();
    const data = testBytes(300_000);
    await writer.write(encode("first"));
    await writer.write(data);
    await writer.close();
    const { stdout } = await child.output();
    assert.equal(sha256(stdout!), sha256(new Uint8Array([...encode("first"), ...data])));
  });

  test("talks back and forth", async () => {
    const child = await bash('while read line; do echo "got $line"; done', { stdin: "piped" });
    const writer = child.stdin!.getWriter();
    const reader = child
      .stdout!.pipeThrough(new TextDecoderStream() as never)
      .getReader() as ReadableStreamDefaultReader<string>;
    for (const word of ["one", "two"]) {
      await writer.write(encode(`${word}\n`));
      let heard = "";
      while (!heard.endsWith("\n")) heard += (await reader.read()).value;
      assert.equal(heard, `got ${word}\n`);
    }
    await writer.close();
    assert.equal((await child.status).code, 0);
  });

  test("keeps quiet when a process ends before it has read its input", async () => {
    const child = await sandbox().spawn("true", { stdin: "piped", ...PIPED });
    await child.status;
    await child
      .stdin!.getWriter()
      .write(encode("nobody listens"))
      .catch(() => {});
    assert.ok((await child.output()).status.success);
  });

  test("does not fail a program that pipes more into a process than that has read", async () => {
    const { stdout, stderr, code } = await runClient(
      sdk,
      `
      const wait = () => new Promise((resolve) => setTimeout(resolve, 10));
      for (const command of ["echo", "head"]) {
        // As a terminal or an open pipe: it never ends, and something comes now and then.
        const source = new ReadableStream({ pull: async (controller) => { await wait(); controller.enqueue(new TextEncoder().encode("line\\n")); } });
        const child = await sandbox.spawn(command, { args: command === "echo" ? ["hi"] : ["-n1"], stdin: "piped", stdout: "piped", stderr: "null" });
        source.pipeTo(child.stdin);
        console.log((await child.output()).stdoutText.trim());
        for (let count = 0; count < 20; count++) await wait();
        console.log(await sandbox.sh\`echo next\`.text());
      }
      ${sdk.official ? "// Complains of its open input when it closes." : "await sandbox.close();"}
      process.exit(0);
    `,
    );
    assert.deepEqual([stdout, stderr, code], ["hi\nnext\n\nline\nnext\n\n", "", 0]);
  });

  test("starts in a directory and with an environment of the caller's choice", async () => {
    const inTmp = await sandbox().spawn("pwd", { cwd: "/tmp", ...PIPED });
    assert.equal((await inTmp.output()).stdoutText, "/tmp\n");
    const byUrl = await sandbox().spawn(pathToFileURL("/bin/pwd"), { cwd: pathToFileURL("/usr/lib"), ...PIPED });
    assert.equal((await byUrl.output()).stdoutText, "/usr/lib\n");
    assert.equal((await (await bash("pwd")).output()).stdoutText, "/home/app\n");
    assert.equal((await (await bash('echo "$A:$HOME"', { env: { A: "ä b" } })).output()).stdoutText, "ä b:/home/app\n");
    const cleared = await sandbox().spawn("/usr/bin/env", { clearEnv: true, env: { ONLY: "this" }, ...PIPED });
    const lines = (await cleared.output()).stdoutText!.trim().split("\n");
    assert.ok(lines.includes("ONLY=this"));
    assert.ok(!lines.some((line) => line.startsWith("HOME=")), lines.join());
  });

  test("fails for programs and directories that are not there", async () => {
    await failsWith(sdk, "ENOENT", "NotFound", sandbox().spawn("no-such-program", PIPED));
    await failsWith(sdk, "ENOENT", "NotFound", sandbox().spawn("pwd", { cwd: "/no/such/place", ...PIPED }));
    await failsWith(sdk, "EACCES", "PermissionDenied", sandbox().spawn("/etc/passwd", PIPED));
  });

  test("kills with the signal named, SIGTERM otherwise", async () => {
    for (const [signal, code] of [
      [undefined, 143],
      ["SIGKILL", 137],
      ["SIGINT", 130],
      ["SIGUSR1", 138],
    ] as const) {
      const child = await sandbox().spawn("sleep", { args: ["600"], ...PIPED });
      await child.kill(signal);
      assert.deepEqual(await child.status, { success: false, code, signal: signal ?? "SIGTERM", oom: false });
    }
  });

  test("lets a process handle a signal", async () => {
    const child = await bash('trap "echo caught; exit 5" USR2; echo ready; while :; do sleep 0.05; done');
    const reader = child.stdout!.getReader();
    assert.equal(decode((await reader.read()).value!), "ready\n");
    await child.kill("SIGUSR2");
    assert.equal(decode((await reader.read()).value!), "caught\n");
    assert.deepEqual(await child.status, { success: false, code: 5, signal: null, oom: false });
  });

  test("kills what a process has started, too", async () => {
    const child = await bash("sleep 600 & echo $!; wait");
    const reader = child.stdout!.getReader();
    const pid = decode((await reader.read()).value!).trim();
    await child.kill("SIGKILL");
    await child.status;
    // The stream ends when nobody holds it open any more.
    assert.equal((await reader.read()).done, true);
    assert.equal((await sandbox().sh`kill -0 ${pid} 2>/dev/null`.noThrow()).status.success, false);
  });

  test("does not mind when a process that has ended is killed", async () => {
    const child = await sandbox().spawn("true", PIPED);
    await child.status;
    await child.kill();
    await child.kill("SIGKILL");
  });

  test("ends a process when a signal is aborted", async () => {
    const controller = new AbortController();
    // Aborted when both run: the official client forgets one that is aborted while a process is being started.
    const start = () => sandbox().spawn("sleep", { args: ["600"], signal: controller.signal, ...PIPED });
    const [child, other] = [await start(), await start()];
    controller.abort();
    assert.equal((await child.status).signal, "SIGTERM");
    assert.equal((await other.output()).status.code, 143);
  });

  test("ends a process when it is disposed of", async () => {
    const child = await sandbox().spawn("sleep", { args: ["600"], ...PIPED });
    await child[Symbol.asyncDispose]();
    assert.equal((await child.status).signal, "SIGTERM");
  });

  test("ends with its process; what it left running goes on", async () => {
    const starts = [
      "sleep 600 & echo $!",
      "nohup sleep 600 2>/dev/null & echo $!",
      "setsid -f sleep 600; pgrep -nx sleep",
      "(while :; do echo noise; sleep 0.02; done) & echo $!",
    ];
    for (const start of starts) {
      const { stdoutText } = await (await bash(start)).output();
      const pid = /^\d+$/m.exec(stdoutText!)?.[0];
      assert.ok(pid, `${start}: ${stdoutText}`);
      assert.equal(await sandbox().sh`kill -0 ${pid} && kill -9 ${pid} && echo ran`.text(), "ran\n", start);
    }
  });

  test("gives megabytes of output whole and in order", async () => {
    const child = await bash(`head -c ${8 * MiB} /dev/zero | tr '\\0' 'x'; printf end`);
    const { stdout } = await child.output();
    assert.equal(stdout!.length, 8 * MiB + 3);
    assert.equal(decode(stdout!.subarray(-5)), "xxend");
  });

  test("ends a process that prints when its output is cancelled, as a closed pipe does", async () => {
    const child = await sandbox().spawn("yes", PIPED);
    const reader = child.stdout!.getReader();
    await reader.read();
    await reader.cancel(new Error("enough"));
    assert.equal(await sandbox().sh`echo unimpressed`.text(), "unimpressed\n");
    assert.deepEqual(await child.status, { success: false, code: 141, signal: "SIGPIPE", oom: false });
  });

  test("loses no output of many short processes at once", async () => {
    const outputs = await Promise.all(
      Array.from(
        { length: 30 },
        async (_, index) =>
          (await (await sandbox().spawn("echo", { args: [String(index)], ...PIPED })).output()).stdoutText,
      ),
    );
    assert.deepEqual(
      outputs,
      Array.from({ length: 30 }, (_, index) => `${index}\n`),
    );
  });

  test("cannot be constructed", () => {
    assert.throws(() => new sdk.module.ChildProcess(Symbol(), undefined as never), TypeError);
  });
}

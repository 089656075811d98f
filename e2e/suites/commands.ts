import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, sha256 } from "../harness/bytes.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

/** `sandbox.sh` and its builder, `KillController` and `KillSignal`. */
export default function commands(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);
  const { KillController, KillSignal, SandboxCommandError } = sdk.module;

  const sh = (strings: TemplateStringsArray, ...values: unknown[]) => sandbox().sh(strings, ...values);

  test("gives the text that a command prints", async () => {
    assert.equal(await sh`echo hello | tr a-z A-Z; pwd`.text(), "HELLO\n/home/app\n");
    assert.equal(await sh`true`.text(), "");
  });

  test("quotes what is put in, and spreads arrays", async () => {
    const nasty = ["a b", "it's", '"$HOME"', "`id`", "$(id)", "a\nb", "*", "-n", "; exit 9", ""];
    assert.equal(await sh`printf '%s|' ${nasty}`.text(), nasty.map((text) => `${text}|`).join(""));
    assert.equal(await sh`printf %s ${"one'arg"} ${2} ${true}`.text(), "one'arg2true");
    await assert.rejects(async () => await sh`echo ${{ an: "object" }}`.text(), /object/i);
  });

  test("takes commands that are longer than an argument may be, or says how", async () => {
    const long = "it's long\n".repeat(30_000);
    const command = sh`printf %s ${long} | sha256sum | cut -c1-8; cat; exit 5`;
    if (sdk.official) {
      await assert.rejects(
        () => command.text(),
        /Argument list too long.*pass long text on standard input or in a file/,
      );
    } else {
      const { status, stdoutText } = await command.stdout("piped").noThrow();
      assert.deepEqual([status.code, stdoutText], [5, `${sha256(encode(long)).slice(0, 8)}\n`]);
    }
  });

  test("reads JSON, and says so when it is none", async () => {
    assert.deepEqual(await sh`echo '{"count": 42, "list": [1, "ä"]}'`.json(), { count: 42, list: [1, "ä"] });
    await assert.rejects(() => sh`echo nonsense`.json(), /JSON[\s\S]*nonsense/);
  });

  test("gives everything that was piped, as text and as bytes", async () => {
    const result = await sh`echo out; echo err >&2`.stderr("piped");
    assert.equal(result.stderrText, "err\n");
    const both = await sh`printf out`.stdout("piped").result();
    assert.deepEqual([both.status.success, both.status.code, both.status.oom], [true, 0, false]);
    assert.equal(both.stdoutText, "out");
    assert.deepEqual([...both.stdout!], [111, 117, 116]);
    const none = await sh`echo out; echo err >&2`.stdout("null");
    assert.deepEqual([none.stdout, none.stdoutText], [null, null]);
  });

  test("throws when a command fails, with its code and what it said", async () => {
    const error = await sh`echo reason >&2; exit 42`
      .stderr("piped")
      .result()
      .catch((error) => error);
    assert.ok(error instanceof SandboxCommandError);
    assert.equal(error.code, 42);
    assert.equal(error.name, "SandboxCommandError");
    assert.match(error.message, /exit code 42[\s\S]*reason/);
    await assert.rejects(async () => await sh`false`, SandboxCommandError);
    await assert.rejects(() => sh`false`.text(), SandboxCommandError);
  });

  test("does not throw when it is told not to", async () => {
    assert.equal((await sh`exit 7`.noThrow()).status.code, 7);
    await assert.rejects(async () => await sh`exit 7`.noThrow(false), SandboxCommandError);
  });

  // The platform's own client forgets earlier settings when another is made, and `text()` makes one, so this uses
  // files.
  const written = () => sandbox().fs.readTextFile("/tmp/written");

  test("runs as root with sudo", async () => {
    await sh`bash -c 'id -un > /tmp/by-root; rm /tmp/by-root; touch /root/proof'`.sudo();
    await sh`test -e /root/proof`.sudo();
    await assert.rejects(async () => await sh`touch /root/proof 2>/dev/null`.sudo(false), SandboxCommandError);
    if (!sdk.official) assert.equal(await sh`id -un`.sudo().text(), "root\n");
  });

  test("takes a directory and an environment", async () => {
    await sh`pwd > /tmp/written`.cwd("/usr");
    assert.equal(await written(), "/usr\n");
    await sh`echo "$A" > /tmp/written`.env("A", "a b");
    assert.equal(await written(), "a b\n");
    if (!sdk.official)
      assert.equal(await sh`pwd; echo $A$B`.cwd("/tmp").env("A", "1").env("B", "2").text(), "/tmp\n12\n");
  });

  test("reads .bashrc, as the user's own shell would", async () => {
    const { fs } = sandbox();
    const before = await fs.readTextFile(".bashrc").catch(() => "");
    await fs.writeTextFile(".bashrc", "export FROM_BASHRC=yes\n");
    assert.equal(await sh`echo $FROM_BASHRC`.text(), "yes\n");
    await fs.writeTextFile(".bashrc", before);
  });

  test("starts without waiting", async () => {
    await sh`mkfifo go`.stdout("null");
    const waiting = await sh`read -r line < go; echo "$line"`.stdout("piped").spawn();
    await sh`echo started > go`.stdout("null");
    assert.equal((await waiting.output()).stdoutText, "started\n");
  });

  test("can be awaited more than once, and starts anew each time", async () => {
    await sandbox().fs.writeTextFile("count", "");
    const command = sh`echo x >> count`.stdout("null");
    await command;
    await command.then((result) => assert.ok(result.status.success));
    assert.equal(await sandbox().fs.readTextFile("count"), "x\nx\n");
  });

  test("is killed through a KillController, with any signal", async () => {
    for (const [signal, code] of [
      [undefined, 143],
      ["SIGKILL", 137],
      ["SIGINT", 130],
    ] as const) {
      const controller = new KillController();
      const running = sh`sleep 600`.signal(controller.signal).result();
      running.catch(() => {});
      // Repeated until the command is ready to receive it.
      const timer = setInterval(() => controller.kill(signal), 50);
      await assert.rejects(running, (error: { code: number }) => error.code === code);
      clearInterval(timer);
      assert.deepEqual([controller.signal.aborted, controller.signal.abortedExitCode], [true, code]);
    }
  });

  test("is killed through an AbortSignal", async () => {
    const controller = new AbortController();
    // Aborted when it runs: the official client forgets one that is aborted while the command is being started.
    const child = await sh`sleep 600`.signal(controller.signal).spawn();
    controller.abort();
    assert.equal((await child.output()).status.code, 143);
  });

  test("does not start when its signal was aborted before", async () => {
    const controller = new KillController();
    controller.kill("SIGQUIT");
    await assert.rejects(
      () => sh`touch never`.signal(controller.signal).result(),
      (error: { code: number }) => error.code === 131,
    );
    await assert.rejects(() => sandbox().fs.stat("never"), { code: "ENOENT" });
  });

  test("signals are linked, listened to and left", () => {
    const parent = new KillController();
    const child = new KillController();
    const heard: string[] = [];
    const listener = (signal: string) => heard.push(signal);
    child.signal.addListener(listener);
    const link = parent.signal.linkChild(child.signal);
    parent.kill("SIGUSR1");
    assert.deepEqual(
      [parent.signal.aborted, child.signal.aborted, child.signal.abortedExitCode],
      [false, false, undefined],
    );
    link.unsubscribe();
    parent.kill("SIGTERM");
    assert.deepEqual([parent.signal.aborted, child.signal.aborted], [true, false]);
    child.signal.removeListener(listener);
    child.kill("SIGUSR2");
    assert.deepEqual(heard, ["SIGUSR1"]);
    assert.throws(() => new KillSignal(Symbol(), {} as never), Error);
  });
}

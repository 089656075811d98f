import assert from "node:assert/strict";
import { test } from "node:test";
import { SandboxCommandError } from "../errors/command.ts";
import { SandboxCommandBuilder } from "./builder.ts";
import { KillController } from "./kill-signal.ts";

/** A shell that only remembers how it was asked. */
function shell(code = 0, stdoutText = "", stderrText: string | null = null, oom = false) {
  let written = "";
  const spawned: { command: string; options: Record<string, unknown> }[] = [];
  const killed: unknown[] = [];
  const ended = Promise.withResolvers<void>();
  const build = (strings: TemplateStringsArray, ...substitutions: unknown[]) =>
    new SandboxCommandBuilder(
      {
        spawn: async (command, options) => {
          spawned.push({ command, options });
          return {
            stdin: options.stdin
              ? new WritableStream({ write: (bytes) => void (written += new TextDecoder().decode(bytes)) })
              : null,
            kill: async (signal) => void killed.push(signal),
            output: async () => {
              await ended.promise;
              return {
                status: { success: code === 0, code, oom, ...(oom && { memoryMiB: 768 }) },
                stdout: null,
                stderr: null,
                stdoutText,
                stderrText,
              };
            },
          };
        },
      },
      strings,
      substitutions,
    );
  return { sh: build, spawned, killed, end: ended.resolve, written: () => written };
}

test("keeps every setting when they are chained", async () => {
  const { sh, spawned, end } = shell();
  end();
  await sh`make ${"a b"}`.env("A", "1").env("B", "2").cwd("/tmp").sudo().stdout("null").stderr("piped").noThrow();
  assert.deepEqual(spawned, [
    {
      command: "bash",
      options: {
        args: ["-c", `exec sudo -- bash -c 'make '"'"'a b'"'"''`],
        env: { BASH_ENV: "$HOME/.bashrc", A: "1", B: "2" },
        cwd: "/tmp",
        stdout: "null",
        stderr: "piped",
      },
    },
  ]);
});

test("forwards a signal that is sent while the command starts", async () => {
  const { sh, killed, end } = shell(143);
  const controller = new KillController();
  const running = sh`sleep 60`.noThrow().signal(controller.signal).result();
  controller.kill();
  end();
  await running;
  assert.deepEqual(killed, ["SIGTERM"]);
});

test("does not change the builder that a setting is derived from", async () => {
  const { sh, spawned, end } = shell();
  end();
  const base = sh`x`.env("A", "1");
  base.env("B", "2");
  base.sudo();
  await base;
  assert.deepEqual(spawned[0]?.options, {
    args: ["-c", "x"],
    env: { BASH_ENV: "$HOME/.bashrc", A: "1" },
    stdout: "inherit",
    stderr: "inherit",
  });
});

test("sends a command that is too long for an argument on standard input", async () => {
  const { sh, spawned, end, written } = shell();
  end();
  for (const [length, fits] of [
    [128 * 1024 - 1, true],
    [128 * 1024, false],
  ] as const) {
    const text = "ä".repeat(10) + "x".repeat(length - "true ".length - 22);
    await sh`true ${text}`;
    const {
      args: [, given],
      stdin,
    } = spawned.pop()!.options as { args: string[]; stdin?: string };
    assert.equal(Buffer.byteLength(fits ? given! : written()), length);
    assert.deepEqual([stdin, given === `true '${text}'`], fits ? [undefined, true] : ["piped", false]);
    if (!fits) assert.equal(written(), `true '${text}'`);
  }
});

test("sends a long command to root's shell as well", async () => {
  const { sh, spawned, end, written } = shell();
  end();
  const text = "x".repeat(128 * 1024);
  await sh`echo ${text}`.sudo();
  assert.match((spawned.pop()!.options as { args: string[] }).args[1]!, /^exec sudo -- bash -c 'eval /);
  assert.equal(written(), `echo ${text}`);
});

test("says how much memory there was when a command ran out of memory", async () => {
  const { sh, end } = shell(137, "", null, true);
  end();
  await assert.rejects(() => sh`x`.result(), {
    message:
      'The command failed with exit code 137: it ran out of memory, and the sandbox has 768 MiB. Create the sandbox with more, such as memory: "2GiB"',
  });
});

test("does not start before it is awaited, and starts each time", async () => {
  const { sh, spawned, end } = shell();
  end();
  const command = sh`x`;
  assert.equal(spawned.length, 0);
  await command;
  await command;
  assert.equal(spawned.length, 2);
});

test("throws for a failure with its code and what it printed, but not its command line", async () => {
  const { sh, end } = shell(3, "", "it broke");
  end();
  const error = await sh`secret`.result().catch((error) => error);
  assert.ok(error instanceof SandboxCommandError);
  assert.equal(error.code, 3);
  assert.match(error.message, /exit code 3\nit broke/);
  assert.doesNotMatch(error.message, /secret/);
  assert.equal((await sh`secret`.noThrow()).status.code, 3);
});

test("reads text and JSON, and says what was not JSON", async () => {
  const { sh, spawned, end } = shell(0, '{"a":1}');
  end();
  assert.equal(await sh`x`.text(), '{"a":1}');
  assert.deepEqual(await sh`x`.json(), { a: 1 });
  assert.equal(spawned[0]?.options.stdout, "piped");
  const other = shell(0, "not json");
  other.end();
  await assert.rejects(() => other.sh`x`.json(), /did not print JSON[\s\S]*not json/);
});

test("forwards every signal until the command has ended", async () => {
  const { sh, killed, end } = shell();
  const one = new KillController();
  const two = new KillController();
  const abort = new AbortController();
  const child = await sh`x`.signal(one.signal).signal(two.signal).signal(abort.signal).spawn();
  one.kill("SIGUSR1");
  two.kill("SIGINT");
  abort.abort();
  assert.deepEqual(killed, ["SIGUSR1", "SIGINT", "SIGTERM"]);
  end();
  await child.output();
  one.kill();
  assert.equal(killed.length, 3);
});

test("does not start a command whose signal is aborted already", async () => {
  const { sh, spawned } = shell();
  const controller = new KillController();
  controller.kill("SIGKILL");
  assert.equal((await sh`x`.signal(controller.signal).noThrow()).status.code, 137);
  assert.equal((await sh`x`.signal(AbortSignal.abort()).noThrow()).status.code, 143);
  await assert.rejects(() => sh`x`.signal(AbortSignal.abort()).result(), SandboxCommandError);
  assert.equal(spawned.length, 0);
  assert.throws(() => sh`x`.signal({} as AbortSignal), TypeError);
});

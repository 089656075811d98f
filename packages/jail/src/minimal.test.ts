import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { promisify } from "node:util";
import { openJail } from "./open-jail.ts";
import { MACHINE_USERS } from "./users.ts";

const run = promisify(execFile);

/** Starts a command as the server, and says which process it is. */
const PARENT = `$| = 1; $server = $$; s/^ends=\\K\\d+$/$server/ for @ARGV;
  $pid = fork // die "$!"; if (!$pid) { exec @ARGV or die "$!" } print "$pid\n"; sleep`;
/** Starts a command as something else that the server has left it to. */
const STRANGER = `system(@ARGV); print $? >> 8`;

async function jailOf({ outlivesServer }: { outlivesServer: boolean }) {
  const user = MACHINE_USERS.take();
  const jail = await openJail("minimal", {
    files: { readable: [], writable: [] },
    user,
    system: "programs",
    network: "none",
    outlivesServer,
    environment: { PATH: "/usr/bin:/bin" },
    fileBytes: 0,
    firstDescriptor: 4,
  });
  return {
    jail,
    [Symbol.asyncDispose]: async () => {
      await jail[Symbol.asyncDispose]();
      MACHINE_USERS.release(user?.uid);
    },
  };
}

for (const outlivesServer of [false, true])
  test(`in the minimal jail, a process ${outlivesServer ? "that is to outlive the server goes on" : "ends"} when the server is killed`, {
    skip: process.arch !== "x64" && "the jail is for x64",
    timeout: 60_000,
  }, async () => {
    await using opened = await jailOf({ outlivesServer });
    const { jail } = opened;
    // Its input ends with its parent.
    const command = jail.wrap(["sh", "-c", "echo started; read line; echo alive; exec sleep 60"]);
    const parent = spawn("perl", ["-e", PARENT, ...command], { stdio: ["pipe", "pipe", "inherit"] });
    let said = "";
    parent.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const ended = once(parent.stdout, "end");
    const saying = async (pattern: RegExp) => {
      while (!pattern.test(said)) await once(parent.stdout, "data");
      return pattern.exec(said)![0];
    };
    await saying(/^started$/m);
    const child = Number(await saying(/^\d+$/m));
    parent.kill("SIGKILL");
    if (outlivesServer) {
      await saying(/^alive$/m);
      process.kill(child, "SIGKILL");
    }
    await ended;
  });

test("in the minimal jail, a process whose server was killed while it was being started does not begin", {
  skip: process.arch !== "x64" && "the jail is for x64",
}, async () => {
  await using opened = await jailOf({ outlivesServer: false });
  const command = opened.jail.wrap(["echo", "started"]);
  const { stdout, stderr } = await run("perl", ["-e", STRANGER, ...command]);
  assert.doesNotMatch(stdout, /started/);
  assert.match(stderr, /its parent has ended/);
});

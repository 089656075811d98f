import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { openJail } from "./open-jail.ts";
import { MACHINE_USERS } from "./users.ts";

/** Starts a command, and says which process it is. */
const PARENT = `$| = 1; $pid = fork // die "$!"; if (!$pid) { exec @ARGV or die "$!" } print "$pid\n"; sleep`;

for (const outlivesServer of [false, true])
  test(`in the minimal jail, a process ${outlivesServer ? "that is to outlive the server goes on" : "ends"} when the server is killed`, {
    skip: process.arch !== "x64" && "the jail is for x64",
    timeout: 60_000,
  }, async () => {
    const user = MACHINE_USERS.take();
    await using jail = await openJail("minimal", {
      files: { readable: [], writable: [] },
      user,
      system: "programs",
      network: "none",
      outlivesServer,
      environment: { PATH: "/usr/bin:/bin" },
      fileBytes: 0,
      firstDescriptor: 4,
    });
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
    MACHINE_USERS.release(user?.uid);
  });

/** Commands for sandboxes that outlive them. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { Installation } from "./installation.ts";

let installation: Installation;
let id: string;
before(async () => {
  installation = await Installation.create();
  id = (await installation.output(["create", "--timeout", "10m", "--label", "team=docs"])).trim();
});
after(() => installation[Symbol.asyncDispose]());

test("a created sandbox is listed with its labels and its end, and filtered by them", async () => {
  const [listed, ...others] = await installation.json<Record<string, unknown>[]>(["list", "--label", "team=docs"]);
  assert.equal(others.length, 0);
  assert.equal(listed!.id, id);
  assert.deepEqual(listed!.labels, { team: "docs" });
  assert.ok(Date.parse(listed!.stopAt as string) > Date.now() + 8 * 60_000);
  assert.deepEqual(await installation.json(["list", "--label", "team=other"]), []);
  assert.match(
    await installation.output(["list"]),
    new RegExp(`ID +STATUS +AGE[^]*${id} +running .*1280 MiB +team=docs`),
  );
});

test("exec runs in it, with the id given or from SANDBOX_ID, and keeps its state", async () => {
  assert.equal(await installation.output(["exec", id, "--", "sh", "-c", "echo kept > note; pwd"]), "/home/app\n");
  assert.equal(await installation.output(["exec", "-", "cat", "note"], { env: { SANDBOX_ID: id } }), "kept\n");
  assert.equal(
    await installation.output(["exec", "--cwd", "/tmp", "--env", "X=1", id, "sh", "-c", "pwd; echo $X"]),
    "/tmp\n1\n",
  );
  assert.equal((await installation.call(["exec", id, "--", "false"])).code, 1);
});

test("exec returns when its command has ended, and what that started runs on", async () => {
  const pid = await installation.output(["exec", id, "--", "bash", "-c", "sleep 600 & echo $!"]);
  await installation.output(["exec", id, "--", "kill", "-9", pid.trim()]);
});

test("exec leaves nothing running when nobody reads it any more, and ends as a command in a pipe does", async () => {
  // The first dies of the closed pipe, the others print once more and then stop, and the last ignores SIGPIPE.
  const quiet = "echo; sleep 1; echo; exec sleep 611";
  for (const [words, expected] of [
    [["yes"], 141],
    [["sh", "-c", quiet], 141],
    [["sh", "-c", `trap "" PIPE; ${quiet}`], 143],
  ] as const) {
    const child = installation.start(["exec", id, "--", ...words]);
    child.stdout.once("data", () => child.stdout.destroy());
    const [code] = (await once(child, "exit")) as [number | null];
    assert.equal(code, expected, words.join(" "));
  }
  assert.equal((await installation.call(["exec", id, "--", "pgrep", "-fa", "^(yes|sleep 61)"])).stdout, "");
});

test("extend gives it more time", async () => {
  const { stopAt } = await installation.json<{ stopAt: string }>(["extend", id, "20m"]);
  assert.ok(Date.parse(stopAt) > Date.now() + 18 * 60_000);
});

describe("cp", () => {
  let dir: string;
  before(async () => {
    dir = join(installation.dir, "files");
    await mkdir(join(dir, "tree", "sub"), { recursive: true });
    await writeFile(join(dir, "tree", "run.sh"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
    await writeFile(join(dir, "tree", "sub", "a b.txt"), "text");
    await symlink("run.sh", join(dir, "tree", "link"));
    await writeFile(join(dir, "large"), randomBytes(5_000_000));
  });

  test("takes trees in and out, with modes and links", async () => {
    await installation.output(["cp", "tree", `${id}:`], { cwd: dir });
    assert.equal(await installation.output(["exec", id, "tree/link"]), "ran\n");
    await installation.output(["cp", `${id}:tree`, "back"], { cwd: dir });
    assert.equal(await readFile(join(dir, "back", "sub", "a b.txt"), "utf8"), "text");
    assert.equal(await readlink(join(dir, "back", "link")), "run.sh");
    assert.equal((await stat(join(dir, "back", "run.sh"))).mode & 0o777, 0o755);
  });

  test("a destination may be written in any way, and new ones are whole or not there", async () => {
    await mkdir(join(dir, "d"));
    for (const to of ["d", "d/", "d//", "./d", "./d/.", "d/../d"]) {
      await installation.output(["cp", `${id}:tree`, to], { cwd: dir });
      assert.equal(await readFile(join(dir, "d/tree/sub/a b.txt"), "utf8"), "text", to);
      await rm(join(dir, "d/tree"), { recursive: true });
    }
    await installation.output(["cp", `${id}:tree//.`, "contents"], { cwd: dir });
    assert.deepEqual((await readdir(join(dir, "contents"))).sort(), ["link", "run.sh", "sub"]);
    await installation.output(["cp", "./tree//", `${id}:/tmp/.//`], { cwd: dir });
    assert.equal(await installation.output(["exec", id, "--cwd", "/tmp/tree", "--", "./run.sh"]), "ran\n");
    await installation.output([
      "exec",
      id,
      "sh",
      "-c",
      "cp -r tree denied && sudo chown root denied/sub && sudo chmod 700 denied/sub",
    ]);
    const { code, stderr } = await installation.call(["cp", `${id}:denied`, "half"], { cwd: dir });
    assert.equal(code, 1);
    assert.match(stderr, /Permission denied.*denied\/sub/);
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name === "half" || name.startsWith(".sandkeep-")),
      [],
    );
  });

  test("^C leaves no half a copy", async () => {
    await installation.output(["exec", id, "sh", "-c", "mkdir endless && truncate -s 100G endless/file"]);
    const copying = installation.start(["cp", `${id}:endless`, "endless"], { cwd: dir });
    const ended = once(copying, "exit");
    const begun = async (): Promise<boolean> => {
      const temporary = (await readdir(dir)).find((name) => name.startsWith(".sandkeep-"));
      return (
        temporary !== undefined && (await readdir(join(dir, temporary)).catch((): string[] => [])).includes("file")
      );
    };
    while (copying.exitCode === null && copying.signalCode === null && !(await begun()));
    copying.kill("SIGINT");
    assert.deepEqual(await ended, [130, null]);
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name === "endless" || name.startsWith(".sandkeep-")),
      [],
    );
    await installation.output(["exec", id, "rm", "-r", "endless"]);
  });

  test("takes large files in and out unchanged", async () => {
    await installation.output(["cp", "large", `${id}:/tmp/renamed`], { cwd: dir });
    await installation.output(["cp", `${id}:/tmp/renamed`, "."], { cwd: dir });
    assert.ok((await readFile(join(dir, "large"))).equals(await readFile(join(dir, "renamed"))));
  });

  test("expands patterns in the sandbox", async () => {
    await installation.output(["exec", id, "sh", "-c", "touch 1.log 2.log 3.txt"]);
    await mkdir(join(dir, "logs"));
    await installation.output(["cp", `${id}:*.log`, "logs"], { cwd: dir });
    assert.deepEqual((await readdir(join(dir, "logs"))).sort(), ["1.log", "2.log"]);
    assert.equal((await installation.call(["cp", `${id}:*.none`, "."], { cwd: dir })).code, 3);
  });

  test("goes from one sandbox to another", async () => {
    const other = (await installation.output(["create"])).trim();
    await installation.output(["cp", `${id}:tree`, `${id}:/tmp/renamed`, `${other}:/tmp`]);
    assert.equal(await installation.output(["exec", other, "/tmp/tree/run.sh"]), "ran\n");
    assert.equal((await installation.output(["exec", other, "stat", "-c", "%s", "/tmp/renamed"])).trim(), "5000000");
    await installation.output(["kill", other]);
  });

  test("says what is not there", async () => {
    assert.equal((await installation.call(["cp", `${id}:/nowhere`, "."], { cwd: dir })).code, 3);
    assert.equal((await installation.call(["cp", "nowhere", `${id}:`], { cwd: dir })).code, 3);
    await writeFile(join(dir, "a-file"), "");
    const { code, stderr } = await installation.call(["cp", `${id}:tree`, "a-file/below"], { cwd: dir });
    assert.equal(code, 1);
    assert.match(stderr, /a file on this machine: .*'a-file'/);
  });
});

test("a shell has this terminal's size, gets every key, and its exit code is passed on", async () => {
  const shell = installation.onTerminal(["shell", id], 101, 33);
  await shell.until(/\$ $/);
  shell.type("stty size; echo mark''ed\r");
  await shell.until(/33 101\s+marked/);
  // Not before it runs: until then ^C would go to the shell. The program that says so must be the one that is
  // interrupted, and it must not read the terminal: `sh -c "echo …; sleep"` loses a ^C that arrives while dash starts
  // the sleep (its handler does nothing between vfork and exec), and a reader would consume the next line as it dies.
  shell.type("echo \"wait\"ing > /tmp/shown; tail -f /tmp/shown; echo not''here\r");
  await shell.until(/waiting/);
  shell.type("\x03");
  shell.type("echo again''st; exit 9\r");
  assert.equal(await shell.ended, 9, shell.shown);
  assert.doesNotMatch(shell.shown, /nothere/);
  assert.match(shell.shown, /against/);
});

test("events tell what was done, and follow what is being done", async () => {
  assert.equal((await installation.call(["exec", id, "--", "sh", "-c", "exit 4"])).code, 4);
  const events = (await installation.output(["events", id, "--kind", "command", "--json"]))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { data: { argv: string[]; exitCode: number } });
  const { argv, exitCode } = events.at(-1)!.data;
  assert.deepEqual({ argv, exitCode }, { argv: ["sh", "-c", "exit 4"], exitCode: 4 });

  const follower = installation.start(["events", id, "--follow", "--limit", "1"]);
  let shown = "";
  let asked = false;
  for await (const chunk of follower.stdout.setEncoding("utf8")) {
    shown += chunk;
    if (/command echo followed/.test(shown)) break;
    // The first line is the latest past event: the command now follows.
    if (!asked) void installation.call(["exec", id, "--", "echo", "followed"]);
    asked = true;
  }
  follower.kill("SIGINT");
  assert.match(shown, /✔ sbx_\S+ command echo followed → exit 0/);
});

test("tokens are shown once, work, and stop working when revoked", async () => {
  const { token, id: tokenId } = await installation.json<{ token: string; id: string }>([
    "token",
    "create",
    "for the test",
  ]);
  const { sandboxEndpoint } = JSON.parse(await readFile(join(installation.dataDir, "server.json"), "utf8")) as {
    sandboxEndpoint: string;
  };
  const named = ["--endpoint", sandboxEndpoint, "--token", token];
  assert.equal((await installation.json<unknown[]>(["list", ...named])).length, 1);
  assert.ok(!(await installation.output(["token", "list", "--json"])).includes(token));
  const follower = installation.start(["events", "--follow", "--limit", "1", ...named]);
  // The first line is a past event: the command now follows.
  await once(follower.stdout, "data");
  const [said, ended] = [text(follower.stderr), once(follower, "close")];
  follower.stdout.resume();
  await installation.output(["token", "revoke", tokenId]);
  const [endedWith] = (await ended) as [number | null];
  assert.equal(endedWith, 4);
  assert.match(await said, /INVALID_TOKEN/);
  const { code, stderr } = await installation.call(["list", ...named]);
  assert.equal(code, 4);
  assert.match(stderr, /INVALID_TOKEN/);
});

test("a token that may only read is told what it needs, and listed with its scope", async () => {
  const { token, id: tokenId } = await installation.json<{ token: string; id: string }>([
    "token",
    "create",
    "onlooker",
    "--scope",
    "read",
    "--expires",
    "30d",
  ]);
  const { sandboxEndpoint } = JSON.parse(await readFile(join(installation.dataDir, "server.json"), "utf8")) as {
    sandboxEndpoint: string;
  };
  const named = ["--endpoint", sandboxEndpoint, "--token", token];
  assert.equal((await installation.json<unknown[]>(["list", ...named])).length, 1);
  const { code, stderr } = await installation.call(["kill", id, ...named]);
  assert.equal(code, 4);
  assert.match(stderr, /FORBIDDEN|scope `run`/);
  assert.match(await installation.output(["token", "list"]), new RegExp(`${tokenId} .* read .* valid until 2`));
});

test("kill ends it, and it is listed with why", async () => {
  assert.equal(await installation.output(["kill", id]), `${id}\n`);
  assert.deepEqual(await installation.json(["list"]), []);
  const all = await installation.json<{ id: string; stopReason: string }[]>(["list", "--all"]);
  assert.equal(all.find((sandbox) => sandbox.id === id)?.stopReason, "killed");
  const again = await installation.call(["kill", id]);
  assert.equal(again.code, 3);
  assert.match(again.stderr, /SANDBOX_NOT_FOUND/);
});

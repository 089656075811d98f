/** Sessions, with OpenSSH's client. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { ended, runSsh, startSsh, startSshOnTerminal } from "../testing/openssh.ts";
import { TestServer } from "../testing/test-server.ts";

const MiB = 1024 * 1024;

let server: TestServer;
before(async () => {
  server = await TestServer.start();
  server.open("somebody");
});
after(() => server[Symbol.asyncDispose]());

test("a command gets input, and its output, errors and exit code come back", async () => {
  const command = ["read line; echo out $line; echo err $line >&2; exit 7"];
  const { code, stdout, stderr } = await runSsh(server, "somebody", { command, input: "hello\n" });
  assert.deepEqual({ code, stdout, stderr }, { code: 7, stdout: "out hello\n", stderr: "err hello\n" });
});

test("every byte comes through in both directions", async () => {
  const input = randomBytes(5 * MiB);
  const { stdout } = await runSsh(server, "somebody", { command: ["tee /dev/stderr 2>/dev/null | sha256sum"], input });
  assert.equal(stdout.split(" ")[0], createHash("sha256").update(input).digest("hex"));
  const zeros = await runSsh(server, "somebody", { command: ["head -c 20000000 /dev/zero"] });
  assert.equal(zeros.stdout.length, 20_000_000);
});

test("output and errors that fill the client's window together all arrive", async () => {
  const command = ["for n in 1 2 3 4 5; do head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; done"];
  const { code, stdout, stderr } = await runSsh(server, "somebody", { command });
  assert.deepEqual([code, stdout.length, stderr.length], [0, 5_000_000, 5_000_000]);
});

test("a command that was killed is reported with its signal", async () => {
  const { code } = await runSsh(server, "somebody", { command: ["kill -TERM $$"] });
  // OpenSSH has no exit code for that.
  assert.equal(code, 255);
  const report = server.reports.findLast(({ action }) => action === "exec");
  assert.deepEqual(report && "exit" in report && report.exit, { code: 143, signal: "SIGTERM" });
});

test("a signal without an SSH name becomes an exit code as in a shell", async () => {
  assert.equal((await runSsh(server, "somebody", { command: ["kill -XCPU $$"] })).code, 128 + 24);
});

test("a shell has a terminal of the right kind and size", async () => {
  const shell = startSsh(server, "somebody", { args: ["-tt"], env: { TERM: "screen-256color" } });
  shell.stdin.write("stty size; echo term=$TERM; exit 3\n");
  const { code, stdout } = await ended(shell);
  assert.equal(code, 3);
  assert.match(stdout, /\b\d+ \d+\r\n/);
  assert.match(stdout, /term=screen-256color/);
});

test("a terminal follows the size of the client's window", async () => {
  const command = "trap 'stty size; exit 5' WINCH; stty size; while :; do sleep 0.05; done";
  const { child, resize } = startSshOnTerminal(server, "somebody", command);
  const [first] = (await once(child.stdout, "data")) as [Buffer];
  assert.equal(String(first), "24 80\r\n");
  const end = ended(child);
  resize(132, 43);
  const { code, stdout } = await end;
  assert.deepEqual([code, stdout], [5, "43 132\r\n"]);
});

test("keys that mean signals on a terminal reach the program there", async () => {
  const { child } = startSshOnTerminal(server, "somebody", "trap 'exit 9' INT; echo ready; sleep 1000");
  await once(child.stdout, "data");
  child.stdin.write("\x03");
  assert.equal((await ended(child)).code, 9);
});

test("variables arrive, except the client's locale", async () => {
  const { stdout } = await runSsh(server, "somebody", {
    args: ["-oSendEnv=LC_ALL COLOUR", "-oSetEnv=A=b"],
    env: { LC_ALL: "de_DE.UTF-8", COLOUR: "green" },
    command: ["echo $A,$COLOUR,$LC_ALL"],
  });
  assert.equal(stdout, "b,green,\n");
});

test("other subsystems than sftp are refused", async () => {
  const { code, stderr } = await runSsh(server, "somebody", { args: ["-s"], command: ["netconf"] });
  assert.notEqual(code, 0);
  assert.match(stderr, /subsystem request failed/);
});

test("a process whose client is gone sees closed pipes", async () => {
  const client = startSsh(server, "somebody", { command: ["echo ready; exec sleep 1000"] });
  await once(client.stdout, "data");
  client.kill("SIGKILL");
  const process = server.target.processes.at(-1)!;
  await process.abandoned;
  await process.signal("SIGKILL");
  await process.exited;
});

test("a client that disconnects while its input is stuck does not go unnoticed", async () => {
  const client = startSsh(server, "somebody", { command: ["echo ready; exec sleep 1000"] });
  client.stdin.on("error", () => {});
  await once(client.stdout, "data");
  const process = server.target.processes.at(-1)!;
  // More than all buffers on the way hold, so that some of it waits in the server.
  client.stdin.write(Buffer.alloc(16 * MiB));
  client.kill("SIGKILL");
  await process.abandoned;
  await process.signal("SIGKILL");
  await process.exited;
});

test("several commands at once share one connection", async () => {
  const socket = `${server.directory}/control`;
  const master = startSsh(server, "somebody", { args: ["-M", "-S", socket, "-N", "-oControlPersist=no"] });
  await waitForMaster(socket);
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      runSsh(server, "somebody", { args: ["-S", socket], command: [`cat; echo ${n}`], input: "x" }),
    ),
  );
  assert.deepEqual(
    results.map(({ stdout }) => stdout),
    Array.from({ length: 20 }, (_, n) => `x${n}\n`),
  );
  const logins = server.reports.filter(({ action }) => action === "login").length;
  assert.ok(logins < 20, "the commands have not logged in one by one");
  master.kill();
  await once(master, "exit");
});

/** A control socket is there once the connection is. */
async function waitForMaster(path: string): Promise<void> {
  for (;;) {
    if ((await runSsh(server, "somebody", { args: ["-S", path, "-O", "check"] })).code === 0) return;
  }
}

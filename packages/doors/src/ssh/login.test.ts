/** Logging in and being sent away, with OpenSSH's client. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { MAX_CONNECTIONS_PER_SANDBOX, MAX_GUESSES } from "./limits.ts";
import { ended, runSsh, startSsh } from "./testing/openssh.ts";
import { TestServer } from "./testing/test-server.ts";

describe("who knows the user name", () => {
  let server: TestServer;
  before(async () => {
    server = await TestServer.start();
    server.open("somebody");
  });
  after(() => server[Symbol.asyncDispose]());

  test("is let in, and both login and logout are reported", async () => {
    assert.equal((await runSsh(server, "somebody", { command: ["echo hi"] })).stdout, "hi\n");
    const login = await server.reported("login");
    assert.deepEqual([login.remote, login.key], ["127.0.0.1", null]);
    const exec = await server.reported("exec");
    assert.deepEqual(
      [exec.connection, exec.command, exec.terminal, exec.exit],
      [login.connection, "echo hi", false, { code: 0, signal: null }],
    );
    const logout = await server.reported("logout");
    assert.deepEqual([logout.connection, logout.reason], [login.connection, null]);
  });

  test("meets the server's key", async () => {
    const { stderr } = await runSsh(server, "somebody", { args: ["-v", "-oLogLevel=DEBUG1"], command: ["true"] });
    assert.ok(stderr.includes(`Server host key: ssh-ed25519 ${server.key.fingerprint}`), stderr);
  });

  test("is sent away at once when the sandbox ends", async () => {
    server.open("short");
    const client = startSsh(server, "short", { command: ["echo ready; exec sleep 1000"] });
    await once(client.stdout, "data");
    const end = ended(client);
    server.close("short");
    assert.equal((await end).code, 255);
    const logout = server.reports.findLast(({ action }) => action === "logout");
    assert.equal(logout?.action === "logout" && logout.reason, "The door has closed.");
    assert.match((await runSsh(server, "short", { command: ["true"] })).stderr, /Permission denied/);
    const process = server.target.processes.at(-1)!;
    await process.signal("SIGKILL");
    await process.exited;
  });
});

test("a sandbox takes a limited number of connections, through whichever of its doors", async () => {
  await using server = await TestServer.start();
  server.open("somebody");
  server.open("other");
  const clients = [];
  for (let n = 0; n < MAX_CONNECTIONS_PER_SANDBOX; n++) {
    const client = startSsh(server, n % 2 === 0 ? "somebody" : "other", { command: ["echo ready; cat"] });
    await once(client.stdout, "data");
    clients.push(client);
  }
  assert.notEqual((await runSsh(server, "somebody", { command: ["true"] })).code, 0);
  for (const client of clients) client.stdin.end();
  await Promise.all(clients.map((client) => once(client, "exit")));
});

test("an address that guesses user names gets no more answers for a while, but those who know one get in", async () => {
  await using server = await TestServer.start();
  server.open("somebody");
  for (let n = 0; n < MAX_GUESSES; n++)
    assert.match((await runSsh(server, `guess-${n}`, { command: ["true"] })).stderr, /Permission denied \(publickey\)/);
  assert.doesNotMatch((await runSsh(server, "one-more", { command: ["true"] })).stderr, /Permission denied/);
  assert.equal((await runSsh(server, "somebody", { command: ["echo in"] })).stdout, "in\n");
});

describe("a door that asks for a key", () => {
  let server: TestServer;
  const paths: Record<string, string> = {};
  before(async () => {
    server = await TestServer.start();
    for (const [name, type] of Object.entries({ right: "ed25519", wrong: "ed25519", rsa: "rsa", ecdsa: "ecdsa" })) {
      const path = join(server.directory, name);
      spawnSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", path]);
      paths[name] = path;
    }
    const line = (name: string) => readFileSync(`${paths[name]}.pub`, "utf8").trim();
    server.open("somebody", ["not a key", line("right"), line("rsa"), line("ecdsa")]);
  });
  after(() => server[Symbol.asyncDispose]());

  const login = (...keys: string[]) => {
    const args = keys.flatMap((key) => ["-i", paths[key]!]);
    return runSsh(server, "somebody", { args, command: ["echo in"] });
  };

  for (const key of ["right", "rsa", "ecdsa"])
    test(`accepts an authorised key (${key}), and says which`, async () => {
      assert.equal((await login("wrong", key)).stdout, "in\n");
      const print = spawnSync("ssh-keygen", ["-l", "-f", `${paths[key]}.pub`], { encoding: "utf8" });
      const report = server.reports.findLast(({ action }) => action === "login");
      assert.equal(report?.action === "login" && report.key, print.stdout.split(" ")[1]);
    });

  test("refuses signatures with SHA-1, also of a right key", async () => {
    const args = ["-i", paths.rsa!, "-oPubkeyAcceptedAlgorithms=ssh-rsa"];
    const { stderr } = await runSsh(server, "somebody", { args, command: ["echo in"] });
    assert.match(stderr, /Permission denied \(publickey\)/);
  });

  test("refuses others, and those without a key", async () => {
    for (const keys of [["wrong"], []]) assert.match((await login(...keys)).stderr, /Permission denied \(publickey\)/);
  });
});

test("a client that says nothing, or no SSH, gets nowhere", async () => {
  await using server = await TestServer.start();
  for (const text of ["GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(4000), `SSH-2.0-x\r\n${"A".repeat(100_000)}`]) {
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume().end(text);
    await once(socket, "close");
  }
  const silent = connect(server.port, "127.0.0.1").resume();
  await once(silent, "connect");
  server.open("somebody");
  assert.equal((await runSsh(server, "somebody", { command: ["echo in"] })).stdout, "in\n");
  silent.destroy();
});

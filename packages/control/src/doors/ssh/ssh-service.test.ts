/** SSH doors from the API to OpenSSH, with a real agent behind them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ended, runSsh, startSsh } from "@sandkeep/doors/testing";
import type { Door, ExposeAnswer, ExposeSshAnswer, SandboxEvent, ServerInfo } from "@sandkeep/protocol";
import { create, refusal } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { detail, events, pause, resume } from "../../testing/forks.ts";

let fixture: Fixture;
let dir: string;
before(async () => {
  fixture = await Fixture.start();
  dir = mkdtempSync(join(tmpdir(), "sandkeep-ssh-service-"));
});
after(async () => {
  await fixture[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

async function expose(id: string, body: object = {}): Promise<ExposeSshAnswer> {
  const response = await fixture.request("POST", `/api/v3/sandbox/${id}/expose/ssh`, { body });
  assert.equal(response.status, 200);
  return (await response.json()) as ExposeSshAnswer;
}

/** Events of logins, once there are so many of a kind. */
async function sshEvents(id: string, count: number, last: SandboxEvent["kind"]): Promise<SandboxEvent[]> {
  for (;;) {
    const all = await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${id}&order=oldest-first`);
    if (all.filter(({ kind }) => kind === last).length >= count)
      return all.filter(({ kind }) => kind.startsWith("ssh."));
  }
}

const login = ({ port }: { port: number }, username: string, args: string[] = []) =>
  runSsh({ port }, username, { args, command: ["echo in"] });

describe("a door for SSH", () => {
  test("lets in who knows the user name, and says how to recognise the server", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const access = await expose(client.id);
    assert.equal(access.hostname, "127.0.0.1");
    assert.match(access.username, /^[0-9a-z]{20}$/);
    assert.notEqual((await expose(client.id)).username, access.username);
    assert.equal((await login(access, access.username)).stdout, "in\n");
    const info = await fixture.get<ServerInfo>("/api/v1/info");
    const { username: _, ...server } = access;
    assert.deepEqual(info.ssh, server);
    const doors = await fixture.get<Door[]>(`/api/v1/doors?sandbox=${client.id}`);
    assert.deepEqual([doors[0]!.kind, doors[0]!.name, doors[0]!.domain], ["ssh", access.username, null]);
  });

  test("is opened at creation, as Python's official client asks for it", async () => {
    const client = await create(fixture, { timeout: "5m", ssh: true });
    const [door] = await fixture.get<Door[]>(`/api/v1/doors?sandbox=${client.id}`);
    assert.equal((await login({ port: fixture.server.sshPort! }, door!.name)).stdout, "in\n");
  });

  test("asks for one of the keys that it was opened with", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const [right, wrong] = ["right", "wrong"].map((name) => {
      spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, name)]);
      return join(dir, name);
    });
    const access = await expose(client.id, { authorizedKeys: [readFileSync(`${right}.pub`, "utf8")] });
    assert.equal((await login(access, access.username, ["-i", right!])).stdout, "in\n");
    assert.match((await login(access, access.username, ["-i", wrong!])).stderr, /Permission denied/);
    assert.match((await login(access, access.username)).stderr, /Permission denied/);
    const [door] = await fixture.get<Door[]>(`/api/v1/doors?sandbox=${client.id}`);
    assert.equal(door!.auth, "key");
    const refused = await fixture.request("POST", `/api/v3/sandbox/${client.id}/expose/ssh`, {
      body: { authorizedKeys: ["ssh-ed25519 nonsense"] },
    });
    assert.equal(refused.status, 400);
  });

  test("is no other door: their names, which are in public addresses, let nobody in", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const answer = await fixture.request("POST", `/api/v3/sandbox/${client.id}/expose/http`, { body: { port: 8000 } });
    const { domain } = (await answer.json()) as ExposeAnswer;
    const { stderr } = await login({ port: fixture.server.sshPort! }, domain.split(".")[0]!);
    assert.match(stderr, /Permission denied/);
  });

  test("closes when somebody closes it, and with its sandbox, for those inside too", async () => {
    const client = await create(fixture, { timeout: "5m" });
    for (const close of [
      (name: string) => fixture.request("DELETE", `/api/v1/doors/${name}`),
      () => fixture.request("DELETE", `/api/v3/sandbox/${client.id}`),
    ]) {
      const access = await expose(client.id);
      const inside = startSsh(access, access.username, { command: ["echo ready; exec sleep 1000"] });
      await once(inside.stdout, "data");
      const end = ended(inside);
      await close(access.username);
      assert.equal((await end).code, 255);
      assert.match((await login(access, access.username)).stderr, /Permission denied/);
    }
  });

  test("tells who comes while its sandbox is paused how it goes on, and leads into it again then", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const access = await expose(client.id);
    const inside = startSsh(access, access.username, { command: ["echo ready; exec sleep 1000"] });
    await once(inside.stdout, "data");
    const end = ended(inside);
    assert.equal((await pause(fixture, client.id)).status, 200);
    assert.equal((await end).code, 255);
    const { code, stderr } = await login(access, access.username);
    assert.equal(code, 127);
    assert.equal(
      stderr,
      `The sandbox does not run. If it is paused, \`sandkeep resume ${client.id}\` lets it go on.\r\n`,
    );
    const waiting = startSsh(access, access.username, { args: ["-N", "-v", "-oLogLevel=DEBUG1"] });
    for await (const bytes of waiting.stderr) if (String(bytes).includes("Authenticated to")) break;
    const left = once(waiting, "exit");
    assert.equal((await resume(fixture, client.id)).status, 200);
    assert.equal((await login(access, access.username)).stdout, "in\n");
    // It is inside now, and must leave with all others.
    assert.equal((await pause(fixture, client.id)).status, 200);
    assert.deepEqual(await left, [255, null]);
    const logins = await sshEvents(client.id, 4, "ssh.logout");
    assert.deepEqual(
      logins.map(({ kind }) => kind).toSorted(),
      [..."1234"]
        .flatMap(() => ["ssh.login", "ssh.logout"])
        .concat("ssh.process", "ssh.process", "ssh.process")
        .toSorted(),
    );
  });

  test("wakes a sandbox that is paused when nobody needs it, and keeps it awake", async () => {
    await using own = await Fixture.start({ limits: { creatorTimeoutMs: 1_500 } });
    const client = await create(own, { on_idle: "pause", ssh: true });
    const [door] = await own.get<Door[]>(`/api/v1/doors?sandbox=${client.id}`);
    client.socket.close();
    await events(own, 1, "sandbox.paused");
    const inside = startSsh({ port: own.server.sshPort! }, door!.name, { command: ["echo ready; exec cat"] });
    await once(inside.stdout, "data");
    // Another one that nobody needs is paused again, although it goes on later.
    const other = await create(own, { on_idle: "pause" });
    other.socket.close();
    await events(own, 2, "sandbox.paused");
    assert.equal((await resume(own, other.id)).status, 200);
    await events(own, 3, "sandbox.paused");
    assert.equal((await detail(own, client.id)).status, "running");
    inside.stdin.end();
    assert.equal((await ended(inside)).code, 0);
    await events(own, 4, "sandbox.paused");
    assert.equal((await detail(own, client.id)).status, "paused");
    const woken = await own.get<SandboxEvent[]>(`/api/v1/events?sandbox=${client.id}&order=oldest-first`);
    assert.deepEqual(
      woken.filter(({ actor }) => actor.kind === "visitor").map(({ kind }) => kind),
      ["ssh.login", "sandbox.resumed", "ssh.process", "ssh.logout"],
    );
  });

  test("records who logs in and what they run, without the user name", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const access = await expose(client.id);
    await login(access, access.username);
    let events: SandboxEvent[];
    do events = await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${client.id}&order=oldest-first`);
    while (!events.some(({ kind }) => kind === "ssh.logout"));
    const ssh = events.filter(({ kind }) => kind.startsWith("ssh."));
    assert.deepEqual(
      ssh.map(({ kind }) => kind),
      ["ssh.login", "ssh.process", "ssh.logout"],
    );
    assert.deepEqual(ssh[0]!.actor, { kind: "visitor", remote: "127.0.0.1" });
    assert.ok(!JSON.stringify(events).includes(access.username));
  });
});

test("a door and the server's key outlive the server, as its sandbox does", async () => {
  await using restarted = await Fixture.start();
  const client = await create(restarted, { timeout: "5m" });
  const response = await restarted.request("POST", `/api/v3/sandbox/${client.id}/expose/ssh`, { body: {} });
  const access = (await response.json()) as ExposeSshAnswer;
  await restarted.server.close({ leaveRunning: true });
  await restarted.start();
  assert.equal((await login({ port: restarted.server.sshPort! }, access.username)).stdout, "in\n");
  assert.equal((await restarted.get<ServerInfo>("/api/v1/info")).ssh?.fingerprint, access.fingerprint);
});

test("SSH can be turned off", async () => {
  await using off = await Fixture.start({ ssh: { port: null } });
  const client = await create(off, {});
  const refused = await off.request("POST", `/api/v3/sandbox/${client.id}/expose/ssh`, { body: {} });
  assert.equal(refused.status, 501);
  assert.equal(off.server.sshPort, null);
  const { status, body } = await refusal(create(off, { ssh: true }));
  assert.deepEqual([status, body.code], [501, "NOT_SUPPORTED"]);
  assert.equal(off.host.machines.size, 1, "there is no sandbox that nobody can log in to");
});

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import type { SandboxMetadata } from "@sandkeep/protocol";
import { create, join } from "../testing/client.ts";
import { told } from "../testing/egress.ts";
import { Fixture } from "../testing/fixture.ts";
import { detail, events, fork } from "../testing/forks.ts";
import { stopped } from "../testing/stopped.ts";

const lasting = { timeout: "5m" };
const secrets = { KEY: { hosts: ["api.example"], value: "sk-live-0123456789abcdefghij", placeholder: "sk-..." } };

describe("a fork", () => {
  test("has its parent's policy, labels, memory and end, and an id and placeholders of its own", async () => {
    await using fixture = await Fixture.start();
    const parent = await create(fixture, {
      ...lasting,
      memory_mb: 2048,
      labels: { job: "x" },
      allow_net: ["api.example"],
      egress: { deny: ["bad.example"] },
      secrets,
      env: { A: "1" },
    });
    const { status, body } = await fork(fixture, parent.id, { count: 2 });
    assert.equal(status, 201);
    assert.equal(new Set([parent.id, ...body.map(({ id }) => id)]).size, 3);
    const of = await detail(fixture, parent.id);
    const before = told(fixture, parent.id).secrets[0]!;
    const placeholders = new Set([before.placeholder]);
    for (const child of body) {
      assert.equal(child.parent, parent.id);
      assert.deepEqual(
        [child.memoryMiB, child.labels, child.egress, child.stopAt, child.status],
        [2048, { job: "x" }, of.egress, of.stopAt, "running"],
      );
      const { policy, secrets: own } = told(fixture, child.id);
      assert.deepEqual(policy, told(fixture, parent.id).policy);
      assert.deepEqual(own[0]!.aliases, [before.placeholder]);
      assert.match(own[0]!.placeholder, /^sk-[A-Za-z0-9]{43}$/);
      placeholders.add(own[0]!.placeholder);
      const client = await join(fixture, child.id);
      const { ok: env } = (await client.call("envToObject", {})) as { ok: Record<string, string> };
      assert.deepEqual([env.A, env.SANDBOX_ID, env.KEY], ["1", child.id, own[0]!.placeholder]);
    }
    assert.equal(placeholders.size, 3);
    assert.deepEqual(told(fixture, parent.id).secrets[0], before, "its parent keeps what it had");
    assert.ok(!fixture.logged.join("").includes(secrets.KEY.value));

    const grandchild = (await fork(fixture, body[0]!.id)).body[0]!;
    assert.deepEqual(told(fixture, grandchild.id).secrets[0]!.aliases, [
      told(fixture, body[0]!.id).secrets[0]!.placeholder,
      before.placeholder,
    ]);
    const [forked, created] = [await events(fixture, 2, "sandbox.forked"), await events(fixture, 4, "sandbox.created")];
    assert.deepEqual(
      forked.map(({ sandbox, data }) => [sandbox, (data as { children: string[] }).children]),
      [
        [parent.id, body.map(({ id }) => id)],
        [body[0]!.id, [grandchild.id]],
      ],
    );
    assert.deepEqual(
      created.map(({ data }) => (data as { parent?: string }).parent),
      [undefined, parent.id, parent.id, body[0]!.id],
    );
  });

  test("has the lifetime and labels that are asked for, and outlives its parent", async () => {
    await using fixture = await Fixture.start();
    const parent = await create(fixture, { labels: { job: "x" } });
    const { body } = await fork(fixture, parent.id, { timeout: "2m", labels: { job: "y" } });
    const child = body[0]!;
    assert.deepEqual(child.labels, { job: "y" });
    assert.ok(Math.abs(Date.parse(child.stopAt!) - Date.now() - 2 * 60_000) < 20_000, child.stopAt!);
    parent.socket.close();
    await parent.closed;
    const client = await join(fixture, child.id);
    assert.ok("ok" in ((await client.call("envToObject", {})) as object));
    for (const [request, code] of [
      [{ timeout: "1x" }, "INVALID_TIMEOUT"],
      [{ timeout: "5000m" }, "INVALID_TIMEOUT"],
      [{ count: 0 }, "INVALID_REQUEST"],
      [{ count: 33 }, "INVALID_REQUEST"],
      [{ cuont: 2 }, "INVALID_REQUEST"],
    ] as const)
      assert.equal((await fork(fixture, child.id, request)).body.code, code, JSON.stringify(request));
  });

  test("of a session is a session of the first client that connects to it", async () => {
    await using fixture = await Fixture.start();
    const parent = await create(fixture);
    const child = (await fork(fixture, parent.id)).body[0]!;
    assert.equal(child.stopAt, null);
    const [owner, guest] = [await join(fixture, child.id), await join(fixture, child.id)];
    const opened = (await events(fixture, 3, "connection.opened")).filter(({ sandbox }) => sandbox === child.id);
    assert.deepEqual(
      opened.map(({ data }) => (data as { role: string }).role),
      ["creator", "joined"],
    );
    owner.socket.close();
    assert.equal((await guest.closed).code, 1001);
    assert.equal(parent.socket.readyState, parent.socket.OPEN);
  });

  test("of a session for which no client comes ends", async () => {
    await using fixture = await Fixture.start({ limits: { creatorTimeoutMs: 100 } });
    const parent = await create(fixture);
    const child = (await fork(fixture, parent.id)).body[0]!;
    const { why, detail } = (await stopped(fixture, child.id)).data;
    assert.equal(why, "client-closed");
    assert.match(detail!, /No client connected/);
    assert.equal(parent.socket.readyState, parent.socket.OPEN);
  });

  test("counts in full: all children have a place, or none is made", async () => {
    await using fixture = await Fixture.start({ limits: { sandboxesPerOrganisation: 3 } });
    const parent = await create(fixture, lasting);
    const refused = await fork(fixture, parent.id, { count: 3 });
    assert.deepEqual([refused.status, refused.body.code], [429, "CONCURRENCY_LIMIT"]);
    assert.equal((await fixture.get<SandboxMetadata[]>("/api/v2/sandboxes")).length, 1);
    assert.equal((await fork(fixture, parent.id, { count: 2 })).status, 201);
    assert.equal((await fork(fixture, parent.id)).body.code, "CONCURRENCY_LIMIT");
    const failed = (await events(fixture, 3, "sandbox.forked")).filter(({ outcome }) => outcome === "failed");
    assert.deepEqual(
      failed.map(({ data }) => (data as { error: string }).error),
      ["CONCURRENCY_LIMIT", "CONCURRENCY_LIMIT"],
    );
  });

  test("that the host has no room for leaves nothing, and its place is free again", async () => {
    await using fixture = await Fixture.start({ limits: { sandboxesPerOrganisation: 4 } }, { capacity: 2 });
    const parent = await create(fixture, lasting);
    for (let n = 0; n < 3; n++)
      assert.equal((await fork(fixture, parent.id, { count: 2 })).body.code, "NO_CAPACITY", `attempt ${n}`);
    assert.equal((await fixture.get<SandboxMetadata[]>("/api/v2/sandboxes")).length, 1);
    assert.equal(fixture.host.machines.size, 1);
    assert.equal((await fork(fixture, parent.id)).status, 201);
  });

  test("whose client has left before it was told of the children is undone", async () => {
    const forking = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    let armed = false;
    const gate = async () => {
      if (!armed) return;
      forking.resolve();
      await left.promise;
    };
    await using fixture = await Fixture.start({}, { gate });
    const { id } = await create(fixture, lasting);
    armed = true;
    const path = `/api/v1/sandboxes/${id}/fork`;
    const watch = (message: unknown) => {
      const { request, socket } = message as { request: IncomingMessage; socket: Socket };
      if (request.url === path) socket.once("close", () => left.resolve());
    };
    subscribe("http.server.request.start", watch);
    const client = new AbortController();
    const headers = { authorization: `Bearer ${fixture.server.token}` };
    const answer = fetch(new URL(path, fixture.origin), {
      method: "POST",
      headers,
      body: JSON.stringify({ count: 2 }),
      signal: client.signal,
    });
    await forking.promise;
    client.abort();
    await assert.rejects(answer);
    const ended = (await events(fixture, 2, "sandbox.stopped")).map(({ sandbox }) => sandbox);
    unsubscribe("http.server.request.start", watch);
    assert.ok(!ended.includes(id));
    assert.equal((await detail(fixture, id)).status, "running");
  });

  test("is for tokens that may create sandboxes, and of the own organisation", async () => {
    await using fixture = await Fixture.start();
    const parent = await create(fixture, lasting);
    const reader = await fixture.token({ scope: "read" });
    const runner = await fixture.token({ scope: "run" });
    const stranger = await fixture.token({ organisation: "other" });
    assert.equal((await fork(fixture, parent.id, {}, reader.token)).body.code, "FORBIDDEN");
    assert.equal((await fork(fixture, parent.id, {}, stranger.token)).body.code, "SANDBOX_NOT_FOUND");
    assert.equal((await fork(fixture, parent.id, {}, runner.token)).status, 201);
  });

  test("survives a restart of the server if it has a duration", async () => {
    await using fixture = await Fixture.start();
    const parent = await create(fixture, lasting);
    const child = (await fork(fixture, parent.id)).body[0]!;
    await fixture.server.close({ leaveRunning: true });
    await fixture.start();
    await join(fixture, child.id);
    assert.deepEqual((await detail(fixture, child.id)).parent, parent.id);
  });
});

describe("a sandbox with a volume", () => {
  test("can be neither forked nor paused; the error names the volume", async () => {
    await using fixture = await Fixture.start();
    await fixture.request("POST", "/api/v2/volumes", { body: { slug: "data", region: "ord", capacity: "300MB" } });
    const sandbox = await create(fixture, { ...lasting, volumes: [{ volume: "data", path: "/data" }] });
    for (const what of ["fork", "pause"]) {
      const response = await fixture.request("POST", `/api/v1/sandboxes/${sandbox.id}/${what}`);
      const { code, message } = (await response.json()) as { code: string; message: string };
      assert.deepEqual([response.status, code], [409, "SANDBOX_HAS_VOLUMES"]);
      assert.match(message, /data at \/data/);
    }
    assert.ok("ok" in ((await sandbox.call("envToObject", {})) as object), "it goes on");
  });

  test("a snapshot stays while a fork of a sandbox on it runs", async () => {
    await using fixture = await Fixture.start();
    const volume = { slug: "base", region: "ord", capacity: "10GB", from: "builtin:debian-13" };
    await fixture.request("POST", "/api/v2/volumes", { body: volume });
    await fixture.request("POST", "/api/v2/volumes/base/snapshot", { body: { slug: "root" } });
    const parent = await create(fixture, { ...lasting, root: { volume: "root" } });
    const child = (await fork(fixture, parent.id)).body[0]!;
    await fixture.request("DELETE", `/api/v3/sandbox/${parent.id}`);
    const refused = await fixture.request("DELETE", "/api/v2/snapshots/root");
    assert.equal(refused.status, 409);
    assert.match(((await refused.json()) as { message: string }).message, new RegExp(child.id));
    await fixture.request("DELETE", `/api/v3/sandbox/${child.id}`);
    assert.equal((await fixture.request("DELETE", "/api/v2/snapshots/root")).status, 204);
  });
});

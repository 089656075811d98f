import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join as joinPath } from "node:path";
import { describe, test } from "node:test";
import type { SandboxDetail, SandboxMetadata } from "@sandkeep/protocol";
import { create, join, refusal } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { stopped } from "../testing/stopped.ts";

const MINUTE_MS = 60_000;
const byServer = { code: 1001 };

const patch = (fixture: Fixture, id: string, stopAtMs: unknown) =>
  fixture.request("PATCH", `/api/v3/sandbox/${id}`, { body: { stop_at_ms: stopAtMs } });

describe("a sandbox", async () => {
  test("is ready when the 101 comes, and both create and connect tell its id", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { env: { GREETING: "hello" } });
    assert.match(client.id, /^sbx_ord_[0-9a-hjkmnp-z]{20}$/);
    assert.match(String(client.headers["x-deno-trace-id"]), /^[0-9a-f]{32}$/);
    assert.equal(client.headers["sec-websocket-extensions"], undefined);
    assert.deepEqual(await client.call("envGet", { key: "GREETING" }), { ok: "hello" });
    const second = await join(fixture, client.id);
    assert.equal(second.id, client.id);
    assert.deepEqual(await second.call("envGet", { key: "GREETING" }), { ok: "hello" });
  });

  test("has its organisation's id, its own, and placeholders for secrets in the environment", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, {
      secrets: { API_KEY: { hosts: ["api.example"], value: "very-secret-value" } },
      allow_net: ["api.example"],
    });
    const { ok: env } = (await client.call("envToObject", {})) as { ok: Record<string, string> };
    assert.match(env.API_KEY ?? "", /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/);
    assert.match(env.DENO_DEPLOY_ORGANIZATION_ID ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(env.SANDBOX_ID, client.id);
    const detail = await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${client.id}`);
    assert.deepEqual(detail.secrets, ["API_KEY"]);
    assert.deepEqual(detail.allowNet, ["api.example"]);
    assert.equal(detail.connections, 1);
    await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`);
    // Neither the store nor the log ever sees the value.
    await fixture.server.close();
    const { readFile } = await import("node:fs/promises");
    for (const file of ["sandkeep.db", "sandkeep.db-wal"]) {
      const path = joinPath(fixture.dir, "data", file);
      if (existsSync(path)) assert.ok(!(await readFile(path)).includes("very-secret-value"), file);
    }
    assert.ok(!fixture.logged.join("").includes("very-secret-value"));
  });
});

describe("a session", async () => {
  test("ends when its creator closes the connection", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture);
    const second = await join(fixture, client.id);
    client.socket.close();
    const { code, reason } = await second.closed;
    assert.equal(code, 1001);
    assert.match(reason, /creator/);
    assert.equal((await stopped(fixture, client.id)).data.why, "client-closed");
    assert.equal(fixture.host.machines.size, 0);
  });

  test("ends when its creator is killed", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture);
    client.socket.terminate();
    assert.equal((await stopped(fixture, client.id)).data.why, "client-closed");
  });

  test("ends when nothing is heard of its creator", async () => {
    await using fixture = await Fixture.start({ limits: { silentClientMs: 500, busyClientMs: 700 } });
    const client = await create(fixture, {}, { ws: { autoPong: false } });
    const event = await stopped(fixture, client.id);
    assert.equal(event.data.why, "client-silent");
    assert.ok(event.data.lifetimeMs < 3_000, String(event.data.lifetimeMs));
    assert.match(
      event.data.detail!,
      /^The client was silent for 1 s although its computer responds: the program hangs\.$/,
    );
    assert.deepEqual(await client.closed, { code: 1001, reason: event.data.detail });
  });

  test("lives on while its creator answers pings, or sends them", async () => {
    await using fixture = await Fixture.start({ limits: { silentClientMs: 500 } });
    const python = await create(fixture);
    const javascript = await create(fixture, {}, { ws: { autoPong: false } });
    const pings = setInterval(() => javascript.socket.send("ping"), 100);
    let pinged = 0;
    python.socket.on("ping", () => void pinged++);
    while (pinged < 4) await once(python.socket, "ping");
    clearInterval(pings);
    for (const client of [python, javascript]) assert.equal(client.socket.readyState, client.socket.OPEN);
    const list = await fixture.get<SandboxMetadata[]>("/api/v2/sandboxes");
    assert.deepEqual(
      list.map((s) => s.status),
      ["running", "running"],
    );
  });

  test("does not depend on clients that joined", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture);
    const second = await join(fixture, client.id);
    second.socket.close();
    await second.closed;
    const third = await join(fixture, client.id);
    assert.deepEqual(await third.call("envSet", { key: "A", value: "1" }), { ok: null });
    assert.equal(client.socket.readyState, client.socket.OPEN);
  });
});

describe("a sandbox with a duration", async () => {
  test("outlives its creator and can be reached by its id", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { stop_at_ms: Date.now() + 5 * MINUTE_MS });
    await client.call("envSet", { key: "KEPT", value: "yes" });
    client.socket.close();
    await client.closed;
    const again = await join(fixture, client.id);
    assert.deepEqual(await again.call("envGet", { key: "KEPT" }), { ok: "yes" });
  });

  for (const [dialect, config] of [
    ["JavaScript", () => ({ stop_at_ms: Date.now() + 1_000, volumes: [] })],
    ["Python", () => ({ timeout: "1s", debug: false })],
  ] as const) {
    test(`ends at its time, even with clients (${dialect}'s dialect)`, async () => {
      await using fixture = await Fixture.start();
      const client = await create(fixture, config());
      const { code, reason } = await client.closed;
      assert.equal(code, 1001);
      assert.match(reason, /time is up/);
      const event = await stopped(fixture, client.id);
      assert.equal(event.data.why, "timeout");
      assert.ok(event.data.lifetimeMs >= 900 && event.data.lifetimeMs < 4_000, String(event.data.lifetimeMs));
      const refused = await refusal(join(fixture, client.id));
      assert.equal(refused.status, 404);
      assert.equal(refused.body.code, "SANDBOX_NOT_FOUND");
    });
  }

  test("is refused beyond the longest life, and in the past", async () => {
    await using fixture = await Fixture.start();
    for (const config of [
      { stop_at_ms: Date.now() - 1 },
      { stop_at_ms: Date.now() + 40 * MINUTE_MS },
      { timeout: "31m" },
      { timeout: "1y" },
    ]) {
      const refused = await refusal(create(fixture, config));
      assert.equal(refused.status, 400);
      assert.equal(refused.body.code, "INVALID_TIMEOUT");
    }
    // A client whose clock is a little ahead gets the longest life.
    const client = await create(fixture, { stop_at_ms: Date.now() + 30 * MINUTE_MS + 20_000 });
    const { stopAt, createdAt } = await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${client.id}`);
    assert.equal(Date.parse(stopAt as string) - Date.parse(createdAt), 30 * MINUTE_MS);
  });
});

describe("extending", async () => {
  test("gives the stop time that counts: at most 30 minutes from now, never sooner than before", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { timeout: "10m" });
    const { stopAt } = await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${client.id}`);
    const first = Date.parse(stopAt as string);
    const asked = Date.now() + 20 * MINUTE_MS;
    assert.deepEqual(await (await patch(fixture, client.id, asked)).json(), { stop_at_ms: asked });
    assert.deepEqual(await (await patch(fixture, client.id, first - MINUTE_MS)).json(), { stop_at_ms: asked });
    const before = Date.now();
    const { stop_at_ms: clamped } = (await (await patch(fixture, client.id, Date.now() + 90 * MINUTE_MS)).json()) as {
      stop_at_ms: number;
    };
    assert.ok(clamped >= before + 30 * MINUTE_MS && clamped <= Date.now() + 30 * MINUTE_MS);
    assert.equal(
      (await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${client.id}`)).stopAt,
      new Date(clamped).toISOString(),
    );
  });

  test("moves the end", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { timeout: "1s" });
    await patch(fixture, client.id, Date.now() + 2_500);
    await client.closed;
    const { data } = await stopped(fixture, client.id);
    assert.ok(data.lifetimeMs >= 2_300, String(data.lifetimeMs));
  });

  test("makes a session outlive its creator", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture);
    await patch(fixture, client.id, Date.now() + 5 * MINUTE_MS);
    client.socket.close();
    await client.closed;
    assert.equal((await join(fixture, client.id)).id, client.id);
  });

  test("refuses what is no moment to come, and sandboxes that are not there", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture);
    for (const [value, code] of [
      [Date.now() - 1, "INVALID_TIMEOUT"],
      ["soon", "INVALID_REQUEST"],
      [1.5, "INVALID_REQUEST"],
      [null, "INVALID_REQUEST"],
      [undefined, "INVALID_REQUEST"],
      [-1, "INVALID_REQUEST"],
    ] as const) {
      const response = await patch(fixture, client.id, value);
      assert.equal(response.status, 400);
      assert.equal(((await response.json()) as { code: string }).code, code);
    }
    assert.equal((await patch(fixture, "sbx_ord_00000000000000000000", Date.now() + 1_000)).status, 404);
    assert.equal((await patch(fixture, "nonsense", Date.now() + 1_000)).status, 404);
  });
});

describe("killing", async () => {
  for (const path of ["/api/v3/sandbox/", "/api/v3/sandboxes/"]) {
    test(`DELETE ${path}{id} closes every socket, and nothing is left when it answers`, async () => {
      await using fixture = await Fixture.start();
      const client = await create(fixture, { timeout: "5m" });
      const second = await join(fixture, client.id);
      const response = await fixture.request("DELETE", path + client.id);
      assert.equal(response.status, 204);
      assert.equal(fixture.host.machines.size, 0);
      assert.ok(!existsSync(joinPath(fixture.dir, "machines", client.id)));
      for (const { closed } of [client, second])
        assert.deepEqual(await closed, { ...byServer, reason: "The sandbox was killed." });
      const detail = await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${client.id}`);
      assert.equal(detail.status, "stopped");
      assert.equal(detail.stopReason, "killed");
      assert.ok(detail.stoppedAt);
      assert.equal((await fixture.request("DELETE", path + client.id)).status, 404);
    });
  }

  test("does not wait for a client that does not answer the close", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture);
    client.socket.pause();
    const started = performance.now();
    assert.equal((await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`)).status, 204);
    assert.ok(performance.now() - started < 900);
    client.socket.resume();
    assert.equal((await client.closed).code, 1001);
  });
});

describe("a machine that ends by itself", async () => {
  test("ends its sandbox, and the event says why", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { timeout: "5m" });
    process.kill(fixture.host.machines.get(client.id)!.pid, "SIGKILL");
    const { code, reason } = await client.closed;
    assert.equal(code, 1001);
    assert.match(reason, /crashed/);
    const event = await stopped(fixture, client.id);
    assert.equal(event.data.why, "crashed");
    assert.equal(event.outcome, "failed");
    assert.deepEqual(event.actor, { kind: "machine" });
    assert.equal((await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${client.id}`)).stopReason, "crashed");
  });
});

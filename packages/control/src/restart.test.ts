import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SandboxDetail, SandboxEvent, SandboxMetadata, Token } from "@sandkeep/protocol";
import { WebSocket } from "ws";
import { ADMIN_TOKEN_FILE } from "./auth/bootstrap.ts";
import { ConfigError } from "./config/load.ts";
import { sharedAgent } from "./testing/agent-binary.ts";
import { join as connect, create } from "./testing/client.ts";
import { Fixture } from "./testing/fixture.ts";

const MINUTE_MS = 60_000;

/** A server in its own process, with its data in the fixture's folder. */
async function serve(dir: string): Promise<{
  kill(signal: NodeJS.Signals): Promise<number | null>;
  ready: { sandboxEndpoint: string; token: string };
}> {
  const readyFile = join(dir, "ready.json");
  const script = fileURLToPath(new URL("./testing/serve.ts", import.meta.url));
  const conditions = process.execArgv.filter((arg) => arg.startsWith("--conditions"));
  const child = spawn(process.execPath, [...conditions, script, dir, (await sharedAgent()).path, readyFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  await once(createInterface({ input: child.stdout }), "line");
  return {
    async kill(signal) {
      child.kill(signal);
      return (await exited)[0] as number | null;
    },
    ready: JSON.parse(await readFile(readyFile, "utf8")),
  };
}

/** A sandbox of a server in another process. */
async function createAt(
  ready: { sandboxEndpoint: string; token: string },
  config: unknown,
): Promise<{ socket: WebSocket; id: string }> {
  const socket = new WebSocket(`${ready.sandboxEndpoint.replace("http", "ws")}/api/v3/sandboxes/create`, {
    headers: { authorization: `Bearer ${ready.token}`, "x-deno-sandbox-config": btoa(JSON.stringify(config)) },
  });
  const [[response]] = await Promise.all([once(socket, "upgrade"), once(socket, "open")]);
  return { socket, id: response.headers["x-deno-sandbox-id"] };
}

describe("after the server was killed", async () => {
  test("the next start takes over what had a duration, and removes the rest", async () => {
    await using fixture = await Fixture.start();
    await fixture.server.close();
    const former = await serve(fixture.dir);
    const kept = await createAt(former.ready, { timeout: "5m" });
    kept.socket.send(
      JSON.stringify({ jsonrpc: "2.0", id: 0, method: "envSet", params: { key: "KEPT", value: "yes" } }),
    );
    await once(kept.socket, "message");
    const session = await createAt(former.ready, {});
    const closed = Promise.all([kept, session].map(({ socket }) => once(socket, "close")));
    await former.kill("SIGKILL");
    await closed;
    assert.deepEqual((await readdir(join(fixture.dir, "machines"))).sort(), [kept.id, session.id].sort());

    await fixture.start();
    assert.deepEqual(await readdir(join(fixture.dir, "machines")), [kept.id]);
    const again = await connect(fixture, kept.id);
    assert.deepEqual(await again.call("envGet", { key: "KEPT" }), { ok: "yes" });
    const gone = await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${session.id}`);
    assert.equal(gone.status, "stopped");
    assert.equal(gone.stopReason, "server-restarted");
    const events = await fixture.get<SandboxEvent[]>(`/api/v1/events?kind=sandbox.adopted,sandbox.stopped`);
    assert.deepEqual(events.map(({ kind, sandbox }) => `${kind} ${sandbox}`).sort(), [
      `sandbox.adopted ${kept.id}`,
      `sandbox.stopped ${session.id}`,
    ]);
    assert.equal((await fixture.request("DELETE", `/api/v3/sandbox/${kept.id}`)).status, 204);
    assert.deepEqual(await readdir(join(fixture.dir, "machines")), []);
  });

  test("the next start takes over a session that was extended", async () => {
    await using fixture = await Fixture.start();
    await fixture.server.close();
    const former = await serve(fixture.dir);
    const session = await createAt(former.ready, {});
    const closed = once(session.socket, "close");
    const extended = await fetch(`${former.ready.sandboxEndpoint}/api/v3/sandbox/${session.id}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${former.ready.token}`, "content-type": "application/json" },
      body: JSON.stringify({ stop_at_ms: Date.now() + 5 * MINUTE_MS }),
    });
    assert.equal(extended.status, 200);
    await former.kill("SIGKILL");
    await closed;
    await fixture.start();
    assert.equal((await connect(fixture, session.id)).id, session.id);
  });

  test("a sandbox whose time came meanwhile has stopped at that time", async () => {
    await using fixture = await Fixture.start();
    await fixture.server.close();
    const former = await serve(fixture.dir);
    const { id } = await createAt(former.ready, { timeout: "1s" });
    await former.kill("SIGKILL");
    const createdAt = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 1_000 - (Date.now() - createdAt) + 50));
    await fixture.start();
    const detail = await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${id}`);
    assert.equal(detail.stopReason, "timeout");
    assert.equal(detail.stoppedAt, detail.stopAt);
    assert.deepEqual(await readdir(join(fixture.dir, "machines")), []);
  });
});

describe("a server that is stopped", async () => {
  test("tells its clients, ends every sandbox, and leaves nothing that keeps its process alive", async () => {
    const dir = await mkdtemp(join(tmpdir(), "sandkeep-stop-"));
    const server = await serve(dir);
    const { socket } = await createAt(server.ready, { timeout: "5m" });
    const closed = once(socket, "close");
    assert.equal(await server.kill("SIGTERM"), 0);
    const [code, reason] = await closed;
    assert.equal(code, 1001);
    assert.match(String(reason), /going away/);
    assert.deepEqual(await readdir(join(dir, "machines")), []);
    await rm(dir, { recursive: true });
  });

  test("refuses what comes while it stops, and ends the streams of events", async () => {
    await using fixture = await Fixture.start();
    await create(fixture);
    const follow = await fixture.request("GET", "/api/v1/events/stream");
    const text = follow.text();
    await fixture.server.close();
    assert.match(await text, /follows/);
    await assert.rejects(fixture.request("GET", "/api/v1/health"));
  });

  test("with leaveRunning, leaves those with a duration to the next start", async () => {
    await using fixture = await Fixture.start();
    const kept = await create(fixture, { timeout: "5m" });
    const session = await create(fixture);
    await fixture.server.close({ leaveRunning: true });
    for (const { closed } of [kept, session]) assert.equal((await closed).code, 1001);
    await fixture.start();
    const list = await fixture.get<SandboxMetadata[]>("/api/v2/sandboxes");
    assert.deepEqual(
      new Map(list.map(({ id, status }) => [id, status])),
      new Map([
        [kept.id, "running"],
        [session.id, "stopped"],
      ]),
    );
    assert.equal((await connect(fixture, kept.id)).id, kept.id);
  });

  test("twice at once stops once", async () => {
    await using fixture = await Fixture.start();
    await Promise.all([fixture.server.close(), fixture.server.close()]);
  });
});

describe("the start", async () => {
  test("writes an administrator's token that only its owner may read, and keeps it", async () => {
    await using fixture = await Fixture.start();
    const file = join(fixture.dir, "data", ADMIN_TOKEN_FILE);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await readFile(file, "utf8")).trim(), fixture.server.token);
    for (const name of ["sandkeep.db", "sandkeep.db-wal"])
      assert.equal((await stat(join(fixture.dir, "data", name))).mode & 0o777, 0o600, name);
    const first = fixture.server.token;
    await fixture.server.close();
    await fixture.start();
    assert.equal(fixture.server.token, first);
    const [token] = await fixture.get<Token[]>("/api/v1/tokens");
    await fixture.request("DELETE", `/api/v1/tokens/${token!.id}`);
    await fixture.server.close();
    await fixture.start();
    assert.notEqual(fixture.server.token, first);
    assert.equal((await fixture.request("GET", "/api/v1/info")).status, 200);
  });

  test("refuses a data directory that another server uses", async () => {
    await using fixture = await Fixture.start();
    const running = await create(fixture, { timeout: "5m" });
    const { ProcessHost } = await import("./testing/process-host.ts");
    const { startServer } = await import("./server.ts");
    const host = new ProcessHost({ dir: join(fixture.dir, "elsewhere"), agent: "" });
    await assert.rejects(
      startServer({ hosts: [host], config: { port: 0, dataDir: join(fixture.dir, "data"), log: { level: "silent" } } }),
      (error) => error instanceof ConfigError && /Another Sandkeep server/.test(error.message),
    );
    assert.equal(running.socket.readyState, running.socket.OPEN);
  });

  test("that fails half way leaves running sandboxes alone", async () => {
    await using fixture = await Fixture.start();
    const kept = await create(fixture, { timeout: "5m" });
    await fixture.server.close({ leaveRunning: true });
    await using blocker = await Fixture.start();
    await assert.rejects(
      fixture.start({ port: blocker.server.port }),
      (error) => error instanceof ConfigError && /Cannot listen/.test(error.message),
    );
    assert.ok(existsSync(join(fixture.dir, "machines", kept.id)));
    await fixture.start();
    assert.equal((await connect(fixture, kept.id)).id, kept.id);
  });

  test("refuses TLS files that are not there, and a database that is garbage", async () => {
    await using fixture = await Fixture.start();
    await fixture.server.close();
    await assert.rejects(
      fixture.start({ tls: { certFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem" } }),
      /Cannot read the TLS file/,
    );
    for (const file of ["sandkeep.db-wal", "sandkeep.db-shm"])
      await rm(join(fixture.dir, "data", file), { force: true });
    await writeFile(join(fixture.dir, "data", "sandkeep.db"), "garbage".repeat(1_000));
    await assert.rejects(fixture.start(), /not a database/);
  });
});

describe("TLS", async () => {
  test("by the local CA: HTTP/1.1 for REST and WebSocket, and the address says https", async () => {
    await using fixture = await Fixture.start({ tls: "local-ca" });
    assert.match(fixture.origin, /^https:\/\/127\.0\.0\.1:/);
    const ca = await readFile(fixture.server.caFile as string, "utf8");
    const client = await create(fixture, {}, { ws: { ca } });
    assert.deepEqual(await client.call("envSet", { key: "A", value: "1" }), { ok: null });
    const { connect: tlsConnect } = await import("node:tls");
    const socket = tlsConnect({ port: fixture.server.port, host: "127.0.0.1", ca, ALPNProtocols: ["h2", "http/1.1"] });
    await once(socket, "secureConnect");
    assert.equal(socket.alpnProtocol, "http/1.1");
    socket.destroy();
  });
});

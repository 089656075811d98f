/** Connections of any protocol: here a plain TCP connection carries them, in other tests WebSockets. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { KeyedQueue, silentLogger } from "@sandkeep/common";
import type { EgressSpec } from "@sandkeep/egress";
import { type ApiError, newOrganisationId, newSandboxId } from "@sandkeep/protocol";
import { openStore, type SandboxRecord } from "@sandkeep/store";
import type { Principal } from "../auth/authenticator.ts";
import { Leases } from "../auth/lease.ts";
import { parseConfig } from "../config/load.ts";
import type { ConfigInput } from "../config/schema.ts";
import { Addresses } from "../doors/addresses.ts";
import { DoorTable } from "../doors/door-table.ts";
import { openSealer } from "../egress/sealing.ts";
import { EventBus } from "../events/bus.ts";
import { Hosts } from "../hosts.ts";
import type { StorageContext } from "../storage/context.ts";
import { Holders } from "../storage/holders.ts";
import { Transfers } from "../storage/transfer/transfers.ts";
import { sharedAgent } from "../testing/agent-binary.ts";
import { ProcessHost } from "../testing/process-host.ts";
import { TcpConnection } from "../testing/tcp-connection.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Inflow } from "./inflow.ts";
import { Sandbox } from "./sandbox.ts";
import { abandonedStop, idleStop, serverStop, timeoutStop } from "./stop.ts";

const ALLOW_ALL: EgressSpec = { policy: { allow: null, deny: [], rules: [] }, secrets: [] };
const MINUTE_MS = 60_000;
const OWNER = "cp_1";

/** A sandbox on a machine that is a local process, without a server around it. */
async function startSandbox(limits: ConfigInput["limits"] = {}, lifetimeMs: number | null = null) {
  await using started = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-connections-"));
  started.defer(() => rm(dir, { recursive: true, force: true }));
  const host = new ProcessHost({ dir: join(dir, "machines"), agent: (await sharedAgent()).path });
  started.defer(() => host.close());
  const store = started.use(openStore({ sqlite: ":memory:" }));
  const organisation = { id: newOrganisationId(), slug: "acme" };
  await store.organisations.insert({ ...organisation, name: "acme", createdAt: 0 });
  const events = started.use(new EventBus(store.events, silentLogger));
  const config = parseConfig({ limits });
  const heartbeat = started.use(
    new Heartbeat({ silentMs: config.limits.silentClientMs, busyMs: config.limits.busyClientMs }),
  );
  const { sealer } = await openSealer(join(dir, "egress"), store.sealing, OWNER, silentLogger);
  const now = Date.now();
  const record: SandboxRecord = {
    id: newSandboxId("ord"),
    organisation: organisation.id,
    region: "ord",
    status: "running",
    memoryMiB: 1280,
    createdAt: now,
    stopAt: lifetimeMs === null ? null : now + lifetimeMs,
    stoppedAt: null,
    stopReason: null,
    pausedAt: null,
    parent: null,
    onIdle: "end",
    idleMs: null,
    labels: {},
    network: { allowNet: null, deny: [], rules: [], secrets: {} },
  };
  await store.sandboxes.insert(record, { host: host.id, owner: OWNER, expiresAt: now + MINUTE_MS }, null);
  const spec = { id: record.id, owner: OWNER, memoryMiB: 1280, env: {}, egress: ALLOW_ALL, keep: false };
  const machine = await host.create(spec);
  const placed = { host: host.id, attached: [] };
  const storage: StorageContext = {
    disks: store.disks,
    hosts: new Hosts([host]),
    events,
    owner: OWNER,
    holders: new Holders(store.disks),
    creating: new Set(),
    growing: new KeyedQueue(),
    transfers: new Transfers(),
    region: "ord",
    limits: config.storage,
    log: silentLogger,
  };
  const sandbox = new Sandbox(machine, record, organisation, ALLOW_ALL, placed, {
    owner: OWNER,
    store: store.sandboxes,
    doors: new DoorTable(store.doors, new Addresses("localhost")),
    storage,
    events,
    heartbeat,
    inflow: new Inflow(config.limits.incomingBytes),
    limits: config.limits,
    sealer,
    log: silentLogger,
    pauseInstead: (sandbox, stop) => sandbox.end(stop),
    isClosing: () => false,
  });
  started.defer(() => sandbox.end(serverStop));
  const leases = started.use(new Leases());
  const principal: Principal = {
    organisation,
    token: { id: "tok_1", name: "test", scope: "run", expiresAt: null },
    actor: { kind: "token", id: "tok_1", name: "test" },
  };
  const running = started.move();
  return {
    sandbox,
    leases,
    client: (role: "creator" | "joined") => ({ principal, lease: leases.take("tok_1", null), role }),
    /** The connection's events, oldest first. */
    async events(kind: string) {
      await events.flush();
      const found = await store.events.list({
        organisation: organisation.id,
        kinds: [kind],
        order: "oldest-first",
        limit: 10,
      });
      return found.map(({ outcome, data }) => ({ outcome, ...(data as object) }) as Record<string, unknown>);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

test("a connection counts, whatever protocol it speaks, until it is closed", async () => {
  await using one = await startSandbox({ connectionsPerSandbox: 1 }, MINUTE_MS);
  one.sandbox.checkRoomForConnection();
  const { connection, client } = await TcpConnection.open();
  one.sandbox.attach(connection, one.client("joined"));
  assert.equal(one.sandbox.connections, 1);
  assert.throws(
    () => one.sandbox.checkRoomForConnection(),
    (error: ApiError) => error.code === "CONNECTION_LIMIT",
  );
  client.end();
  await connection.closed;
  await new Promise(setImmediate);
  one.sandbox.checkRoomForConnection();
  const [opened] = await one.events("connection.opened");
  assert.deepEqual(opened, { outcome: "ok", connection: connection.id, role: "joined", remote: "127.0.0.1" });
  const [closed] = await one.events("connection.closed");
  assert.deepEqual([closed!.outcome, closed!.connection], ["ok", connection.id]);
});

test("what ended or would pause a sandbox may pass: a client comes, or it gets more time", async () => {
  const holds = ({ sandbox }: Awaited<ReturnType<typeof startSandbox>>) =>
    [idleStop, timeoutStop, abandonedStop, serverStop].filter((stop) => sandbox.isOver(stop));
  await using session = await startSandbox();
  assert.deepEqual(holds(session), [idleStop, serverStop]);
  session.sandbox.awaitCreator();
  assert.deepEqual(holds(session), [idleStop, abandonedStop, serverStop]);
  const { connection, client } = await TcpConnection.open();
  session.sandbox.attach(connection, session.client("joined"));
  assert.deepEqual(holds(session), [serverStop]);
  client.end();
  await connection.closed;
  await session.sandbox.ended;
  await using short = await startSandbox({}, 0);
  assert.deepEqual(holds(short), [idleStop, timeoutStop, serverStop]);
  short.sandbox.record.stopAt = Date.now() + MINUTE_MS;
  assert.deepEqual(holds(short), [idleStop, serverStop]);
  await short.sandbox.end(serverStop);
  assert.deepEqual(holds(short), []);
});

test("a connection ends with its token", async () => {
  await using one = await startSandbox({}, MINUTE_MS);
  const { connection, client } = await TcpConnection.open();
  one.sandbox.attach(connection, one.client("joined"));
  one.leases.revoke("tok_1");
  assert.equal(await text(client), "The access token was revoked.\n");
  assert.deepEqual(await connection.closed, { code: 1008, reason: "The access token was revoked." });
  // The token may have ended during the handshake.
  const late = await TcpConnection.open();
  late.client.resume();
  const ended = one.client("joined");
  one.leases.revoke("tok_1");
  one.sandbox.attach(late.connection, ended);
  assert.equal((await late.connection.closed).code, 1008);
});

test("a connection ends with its sandbox, also one that comes too late", async () => {
  await using one = await startSandbox({}, MINUTE_MS);
  const { connection, client } = await TcpConnection.open();
  one.sandbox.attach(connection, one.client("joined"));
  const end = one.sandbox.end({ why: "killed", actor: { kind: "system" } });
  assert.equal(await text(client), "The sandbox was killed.\n");
  assert.deepEqual(await connection.closed, { code: 1001, reason: "The sandbox was killed." });
  const late = await TcpConnection.open();
  late.client.resume();
  one.sandbox.attach(late.connection, one.client("joined"));
  assert.equal((await late.connection.closed).reason, "The sandbox has ended.");
  await end;
});

test("a session ends with its creator's connection, and with no other", async () => {
  await using one = await startSandbox();
  const creator = await TcpConnection.open();
  one.sandbox.attach(creator.connection, one.client("creator"));
  const joined = await TcpConnection.open();
  one.sandbox.attach(joined.connection, one.client("joined"));
  joined.client.end();
  await joined.connection.closed;
  await new Promise(setImmediate);
  assert.equal(one.sandbox.isEnding, false);
  creator.client.end();
  await one.sandbox.ended;
  assert.deepEqual(
    (await one.events("sandbox.stopped")).map(({ why }) => why),
    ["client-closed"],
  );
});

test("a connection whose client no longer responds is closed", async () => {
  await using one = await startSandbox({ silentClientMs: 500, busyClientMs: 500 });
  const { connection, client } = await TcpConnection.open();
  client.pause();
  one.sandbox.attach(connection, one.client("creator"));
  await one.sandbox.ended;
  assert.ok(connection.probes > 0);
  assert.match((await connection.closed).reason, /^The client was silent for/);
  assert.deepEqual(
    (await one.events("connection.closed")).map(({ outcome }) => outcome),
    ["failed"],
  );
  assert.deepEqual(
    (await one.events("sandbox.stopped")).map(({ why }) => why),
    ["client-silent"],
  );
});

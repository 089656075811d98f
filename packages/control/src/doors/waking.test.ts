/** Visitors wake a sandbox that is paused when nobody needs it. */
import assert from "node:assert/strict";
import { after, before, describe, mock, test } from "node:test";
import type { SandboxEvent } from "@sandkeep/protocol";
import { create, join } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { detail, events, pause, resume } from "../testing/forks.ts";
import { DoorTable } from "./door-table.ts";
import { codeOf, echoServer, endlessServer, expose, type Listening, stay, visit } from "./testing/visit.ts";

const lasting = { timeout: "5m", on_idle: "pause" };

const kill = (fixture: Fixture, id: string) => fixture.request("DELETE", `/api/v3/sandbox/${id}`);

const resumed = async (fixture: Fixture, id: string) =>
  (await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${id}`)).filter(({ kind }) => kind === "sandbox.resumed");

describe("a paused sandbox", async () => {
  let fixture: Fixture;
  let server: Listening;
  /** What the host waits for before it resumes a machine, or pauses one. */
  let held: (() => Promise<void>) | null = null;
  before(async () => {
    const wait = async () => await held?.();
    fixture = await Fixture.start({ limits: { sandboxesPerOrganisation: 3 } }, { resuming: wait, gate: wait });
    server = await echoServer();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
  });

  /** A paused sandbox with a door. */
  async function paused(options: { auth?: "token" } = {}) {
    const { id } = await create(fixture, lasting);
    const door = await expose(fixture, id, { port: server.port, ...options });
    assert.equal((await pause(fixture, id)).status, 200);
    return { id, ...door };
  }

  /** Holds the host up, once it does something, until it may go on. */
  function hold(): { reached: Promise<void>; goOn(): void } {
    const [reached, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    held = () => {
      reached.resolve();
      return free.promise;
    };
    const goOn = () => {
      held = null;
      free.resolve();
    };
    return { reached: reached.promise, goOn };
  }

  test("goes on once, however many come", async () => {
    const { id, domain } = await paused();
    const answers = await Promise.all(Array.from({ length: 20 }, () => visit(fixture, domain)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    const [event, ...more] = await resumed(fixture, id);
    assert.deepEqual([event!.actor, event!.outcome], [{ kind: "visitor", remote: "127.0.0.1" }, "ok"]);
    assert.equal(more.length, 0);
    await kill(fixture, id);
  });

  test("stays paused for those who may not pass", async () => {
    const { id, domain, token } = await paused({ auth: "token" });
    assert.equal((await visit(fixture, domain)).status, 401);
    assert.equal((await visit(fixture, domain, "/.well-known/acme-challenge/x")).status, 400);
    assert.equal((await detail(fixture, id)).status, "paused");
    assert.equal((await visit(fixture, domain, "/", { "x-sandkeep-token": token! })).status, 200);
    await kill(fixture, id);
  });

  test("says why it cannot go on, and tries only so often", async () => {
    const { id, domain } = await paused();
    const others = await Promise.all([1, 2, 3].map(() => create(fixture, { timeout: "5m" })));
    const got = await visit(fixture, domain);
    assert.deepEqual(codeOf(got), [503, "DOOR_NOT_WOKEN"]);
    assert.equal(got.headers["retry-after"], "5");
    assert.match(JSON.parse(got.body).message, /could not be woken: CONCURRENCY_LIMIT\./);
    const page = await visit(fixture, domain, "/", { accept: "text/html" });
    assert.match(page.body, /<h1>This sandbox is asleep<\/h1>/);
    assert.deepEqual(
      (await resumed(fixture, id)).map(({ outcome }) => outcome),
      ["failed"],
    );
    for (const other of others) await kill(fixture, other.id);
    assert.equal((await resume(fixture, id)).status, 200);
    assert.equal((await visit(fixture, domain)).status, 200);
    await kill(fixture, id);
  });

  test("that ends while it is being woken is gone for its visitor", async () => {
    const { id, domain } = await paused();
    const { reached, goOn } = hold();
    const visiting = visit(fixture, domain);
    await reached;
    assert.equal((await resume(fixture, id)).body.code, "CHANGED_MEANWHILE");
    const killing = kill(fixture, id);
    goOn();
    await killing;
    const { status } = await visiting;
    assert.ok([404, 502].includes(status), `${status}: its machine runs for a moment`);
    assert.equal((await visit(fixture, domain)).status, 404);
  });

  test("lets in who comes while it is being paused", async () => {
    const { id } = await create(fixture, lasting);
    const { domain } = await expose(fixture, id, { port: server.port });
    const { reached, goOn } = hold();
    const pausing = pause(fixture, id);
    await reached;
    const asked = Promise.withResolvers<void>();
    const { wake } = DoorTable.prototype;
    const asking = mock.method(
      DoorTable.prototype,
      "wake",
      function (this: DoorTable, ...about: Parameters<typeof wake>) {
        asked.resolve();
        return wake.apply(this, about);
      },
    );
    const visiting = visit(fixture, domain);
    await asked.promise;
    asking.mock.restore();
    goOn();
    assert.equal((await pausing).status, 200);
    assert.equal((await visiting).status, 200);
    await kill(fixture, id);
  });

  test("is woken after a restart of the server, too", async () => {
    const { id, domain } = await paused();
    const { port } = fixture.server;
    await fixture.server.close();
    await fixture.start({ port });
    assert.equal((await visit(fixture, domain)).status, 200);
    await kill(fixture, id);
  });
});

test("a session that was woken lasts as long as its visitors stay", async () => {
  await using fixture = await Fixture.start({ limits: { creatorTimeoutMs: 1_500 } });
  await using endless = await endlessServer();
  const [first, other] = [await create(fixture, { on_idle: "pause" }), await create(fixture, { on_idle: "pause" })];
  const { domain } = await expose(fixture, first.id, { port: endless.port });
  for (const { socket } of [first, other]) socket.close();
  await events(fixture, 2, "sandbox.paused");
  const { leave } = await stay(fixture, domain);
  // It is nobody's: a client of the API that comes and goes does not end the visit.
  (await join(fixture, first.id)).socket.close();
  await events(fixture, 3, "connection.closed");
  // This one, to which nobody comes, is paused again.
  assert.equal((await resume(fixture, other.id)).status, 200);
  await events(fixture, 3, "sandbox.paused");
  assert.equal((await detail(fixture, first.id)).status, "running");
  leave();
  await events(fixture, 4, "sandbox.paused");
  assert.equal((await detail(fixture, first.id)).status, "paused");
});

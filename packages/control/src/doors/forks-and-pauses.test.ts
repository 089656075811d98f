/** Doors of sandboxes that are paused, resumed or forked. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Door, SandboxEvent } from "@sandkeep/protocol";
import { create } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { fork, pause, resume } from "../testing/forks.ts";
import { codeOf, echoServer, endlessServer, expose, type Listening, stay, visit } from "./testing/visit.ts";

async function kill(fixture: Fixture, id: string): Promise<void> {
  const response = await fixture.request("DELETE", `/api/v3/sandbox/${id}`);
  assert.ok(response.ok, await response.text());
}

const eventsOf = async (fixture: Fixture, id: string) =>
  (await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${id}`)).filter(({ kind }) => kind.startsWith("door."));

describe("doors of paused and forked sandboxes", async () => {
  let fixture: Fixture;
  let server: Listening;
  let port: number;
  before(async () => {
    fixture = await Fixture.start();
    server = await echoServer();
    ({ port } = server);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
  });

  test("doors wait while their sandbox is paused", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const { domain } = await expose(fixture, client.id, { port });
    assert.equal((await pause(fixture, client.id)).status, 200);
    assert.deepEqual(codeOf(await visit(fixture, domain)), [503, "DOOR_PAUSED"]);
    assert.equal((await resume(fixture, client.id, {})).status, 200);
    assert.equal((await visit(fixture, domain)).status, 200);
    await kill(fixture, client.id);
  });

  test("visitors of a paused sandbox must leave, and its doors close when it ends", async () => {
    const client = await create(fixture, { timeout: "5m" });
    await using endless = await endlessServer();
    const { domain } = await expose(fixture, client.id, { port: endless.port });
    const { left } = await stay(fixture, domain);
    assert.equal((await pause(fixture, client.id)).status, 200);
    await left;
    const page = await visit(fixture, domain, "/", { accept: "text/html" });
    assert.equal(page.status, 503);
    assert.match(page.body, /<h1>This sandbox is paused<\/h1>/);
    await kill(fixture, client.id);
    assert.deepEqual(codeOf(await visit(fixture, domain)), [404, "DOOR_NOT_FOUND"]);
    assert.deepEqual(
      (await eventsOf(fixture, client.id)).map(({ data }) => "why" in data && data.why).filter(Boolean),
      ["sandbox-ended"],
    );
  });

  test("a fork has no doors of its parent, and neither one's end closes those of the other", async () => {
    const parent = await create(fixture, { timeout: "5m", port });
    const secret = await expose(fixture, parent.id, { port, auth: "token" });
    const named = await expose(fixture, parent.id, { port, name: "of-the-parent" });
    const { status, body: children } = await fork(fixture, parent.id, { count: 2 });
    assert.equal(status, 201);
    const [first, second] = children.map(({ id }) => id) as [string, string];
    for (const id of [first, second]) assert.deepEqual(await fixture.get<Door[]>(`/api/v1/doors?sandbox=${id}`), []);
    const listed = await fixture.get<Door[]>(`/api/v1/doors?sandbox=${parent.id}`);
    assert.equal(listed.length, 3);

    const own = await expose(fixture, first, { port });
    const token = { "x-sandkeep-token": secret.token! };
    assert.ok(!listed.some(({ name }) => own.domain.startsWith(name)));
    await kill(fixture, second);
    for (const { domain } of [own, named]) assert.equal((await visit(fixture, domain)).status, 200);
    assert.equal((await visit(fixture, secret.domain, "/", token)).status, 200);
    assert.equal(
      (await visit(fixture, own.domain, "/", token)).status,
      200,
      "it is public, so the token is only a header",
    );

    await kill(fixture, parent.id);
    for (const { domain } of [secret, named]) assert.equal((await visit(fixture, domain, "/", token)).status, 404);
    assert.equal((await visit(fixture, own.domain)).status, 200);
    await kill(fixture, first);
    assert.equal((await visit(fixture, own.domain)).status, 404);
    assert.equal((await fixture.request("DELETE", "/api/v1/doors/of-the-parent")).status, 204);
  });
});

/** Doors from the API to the gateway, with a real agent behind them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Door, ExposeAnswer, SandboxEvent } from "@sandkeep/protocol";
import { create, type TestClient } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import {
  codeOf,
  echoServer,
  endlessServer,
  expose as exposeDoor,
  type Listening,
  stay,
  visit as visitDoor,
} from "./testing/visit.ts";

describe("doors", async () => {
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

  const visit = (domain: string, path?: string, headers?: Record<string, string>) =>
    visitDoor(fixture, domain, path, headers);
  const expose = (id: string, body: object, token?: string) => exposeDoor(fixture, id, body, token);
  const kill = (id: string) => fixture.request("DELETE", `/api/v3/sandbox/${id}`);
  const eventsOf = async (id: string) =>
    (await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${id}`)).filter(({ kind }) => kind.startsWith("door."));

  test("the official JavaScript client asks for a domain, and then says what is behind it", async () => {
    const client = await create(fixture);
    const { domain } = await expose(client.id, {});
    assert.match(domain, new RegExp(`^[0-9a-z]{20}\\.localhost:${fixture.server.port}$`));
    assert.deepEqual(codeOf(await visit(domain)), [502, "DOOR_NOT_LISTENING"]);
    assert.deepEqual(await client.call("exposeHttp", { domain, port }), { ok: null });
    const { status, body } = await visit(domain, "/x?y");
    assert.deepEqual([status, body], [200, `${domain} /x?y`]);
    client.socket.close();
    await client.closed;
  });

  test("the official Python client says it at once, and each call makes another address", async () => {
    const client = await create(fixture);
    const [one, two] = [await expose(client.id, { port }), await expose(client.id, { port })];
    assert.notEqual(one.domain, two.domain);
    for (const { domain, url } of [one, two]) {
      assert.equal(url, `https://${domain}`);
      assert.equal((await visit(domain)).status, 200);
    }
    await kill(client.id);
  });

  test("a port that nothing listens on is a bad gateway until something does", async () => {
    const client = await create(fixture);
    const late = createServer((_request, response) => response.end("late"));
    late.listen(0, "127.0.0.1");
    await once(late, "listening");
    const { port: free } = late.address() as AddressInfo;
    late.close();
    await once(late, "close");
    const { domain } = await expose(client.id, { port: free });
    const refused = await visit(domain);
    assert.deepEqual(codeOf(refused), [502, "DOOR_NOT_LISTENING"]);
    assert.match(refused.body, new RegExp(`port ${free}`));
    late.listen(free, "127.0.0.1");
    await once(late, "listening");
    assert.equal((await visit(domain)).body, "late");
    late.close();
    late.closeAllConnections();
    await kill(client.id);
  });

  test("doors close with the sandbox, at once, also for open connections", async () => {
    const client = await create(fixture);
    await using endless = await endlessServer();
    const { domain } = await expose(client.id, { port: endless.port });
    const { left } = await stay(fixture, domain);
    await kill(client.id);
    await left;
    assert.deepEqual(codeOf(await visit(domain)), [404, "DOOR_NOT_FOUND"]);
  });

  test("events say who opened and closed a door, and do not give its random name away", async () => {
    const client = await create(fixture);
    const { domain } = await expose(client.id, { port });
    await kill(client.id);
    const events = await eventsOf(client.id);
    assert.deepEqual(events.map(({ kind, actor }) => [kind, actor.kind]).sort(), [
      ["door.closed", "token"],
      ["door.opened", "token"],
    ]);
    assert.ok(!JSON.stringify(events).includes(domain.split(".")[0]!));
  });

  test("nobody gives another sandbox's address a target, nor exposes a sandbox of others", async () => {
    const [mine, theirs] = [await create(fixture), await create(fixture)];
    const { domain } = await expose(mine.id, {});
    const refused = (await theirs.call("exposeHttp", { domain, port })) as { error: { code: string } };
    assert.equal(refused.error.code, "DOOR_NOT_FOUND");
    assert.deepEqual(codeOf(await visit(domain)), [502, "DOOR_NOT_LISTENING"]);
    const { token } = await fixture.token({ organisation: "others" });
    const foreign = await fixture.request("POST", `/api/v3/sandbox/${mine.id}/expose/http`, { body: { port }, token });
    assert.equal(foreign.status, 404);
    for (const client of [mine, theirs]) await kill(client.id);
  });

  test("what makes no sense is refused", async () => {
    const client = await create(fixture);
    for (const body of [
      { port: 0 },
      { port: 65_536 },
      { port, pid: 1 },
      { pid: 1 },
      { port, name: "UPPER" },
      { port, name: "a--b" },
      { port, name: "x".repeat(20) },
      { port, auth: "maybe" },
    ]) {
      const response = await fixture.request("POST", `/api/v3/sandbox/${client.id}/expose/http`, { body });
      assert.equal(response.status, 400, JSON.stringify(body));
      await response.text();
    }
    await kill(client.id);
  });

  test("a sandbox has so many doors and no more", async () => {
    const client = await create(fixture);
    for (let at = 0; at < 64; at++) await expose(client.id, { port });
    const response = await fixture.request("POST", `/api/v3/sandbox/${client.id}/expose/http`, { body: { port } });
    assert.deepEqual([response.status, ((await response.json()) as { code: string }).code], [429, "DOOR_LIMIT"]);
    await kill(client.id);
  });

  test("a port that is named at creation has an address, which is in the list", async () => {
    const client = await create(fixture, { port });
    const doors = await fixture.get<Door[]>(`/api/v1/doors?sandbox=${client.id}`);
    assert.deepEqual(
      doors.map(({ port, auth, sandbox }) => [port, auth, sandbox]),
      [[port, "none", client.id]],
    );
    assert.equal((await visit(doors[0]!.domain!)).status, 200);
    await kill(client.id);
    assert.deepEqual(await fixture.get<Door[]>(`/api/v1/doors?sandbox=${client.id}`), []);
  });

  describe("private ones", async () => {
    let client: TestClient;
    before(async () => void (client = await create(fixture)));
    after(() => kill(client.id));
    const header = (token: string | null) => ({ "x-sandkeep-token": token ?? "" });

    test("open with their token only: not with that of another port, nor after it was replaced, revoked or has expired", async () => {
      const [one, two] = [
        await expose(client.id, { port, auth: "token" }),
        await expose(client.id, { port, auth: "token" }),
      ];
      assert.ok(one.url.endsWith(`?sandkeep-token=${one.token}`) && one.tokenExpiresAt);
      assert.deepEqual(codeOf(await visit(one.domain)), [401, "DOOR_TOKEN_REQUIRED"]);
      assert.equal((await visit(one.domain, "/", header(one.token))).status, 200);
      assert.equal((await visit(one.domain, "/", header(two.token))).status, 401);

      const name = one.domain.split(".")[0];
      const replaced = await fixture.request("POST", `/api/v1/doors/${name}/token`, { body: { expiresInMs: 60_000 } });
      const { token } = (await replaced.json()) as ExposeAnswer;
      assert.equal((await visit(one.domain, "/", header(one.token))).status, 401);
      assert.equal((await visit(one.domain, "/", header(token))).status, 200);
      assert.equal((await fixture.request("DELETE", `/api/v1/doors/${name}/token`)).status, 204);
      assert.equal((await visit(one.domain, "/", header(token))).status, 401);

      const brief = await expose(client.id, { port, auth: "token", expiresInMs: 1 });
      while (Date.now() <= Date.parse(brief.tokenExpiresAt!)) await new Promise(setImmediate);
      assert.equal((await visit(brief.domain, "/", header(brief.token))).status, 401);
    });

    test("have no token of the API: that opens no door, and a door's token opens no API", async () => {
      const { domain, token } = await expose(client.id, { port, auth: "token" });
      assert.equal((await visit(domain, "/", header(fixture.server.token))).status, 401);
      assert.equal((await fixture.request("GET", "/api/v1/sandboxes", { token: token! })).status, 401);
    });
  });

  describe("stable names", async () => {
    test("stay with their organisation, move between its sandboxes, and are given back", async () => {
      const [first, second] = [await create(fixture), await create(fixture)];
      const { domain } = await expose(first.id, { port, name: "shop" });
      assert.equal(domain, `shop.localhost:${fixture.server.port}`);
      const moved = await expose(second.id, { port, name: "shop" });
      assert.equal(moved.domain, domain);
      assert.deepEqual((await eventsOf(first.id)).map(({ data }) => "why" in data && data.why).filter(Boolean), [
        "moved",
      ]);
      await kill(first.id);
      assert.equal((await visit(domain)).status, 200);

      const { token } = await fixture.token({ organisation: "rivals" });
      const theirs = await create(fixture, {}, { token });
      const taken = await fixture.request("POST", `/api/v3/sandbox/${theirs.id}/expose/http`, {
        body: { port, name: "shop" },
        token,
      });
      assert.deepEqual([taken.status, ((await taken.json()) as { code: string }).code], [409, "SLUG_ALREADY_IN_USE"]);

      await kill(second.id);
      assert.equal((await visit(domain)).status, 404);
      const kept = await fixture.get<Door[]>("/api/v1/doors");
      assert.deepEqual(
        kept.filter(({ stable }) => stable).map(({ name, sandbox, port }) => [name, sandbox, port]),
        [["shop", null, null]],
      );
      assert.equal((await fixture.request("DELETE", "/api/v1/doors/shop", { token })).status, 404);
      assert.equal((await fixture.request("DELETE", "/api/v1/doors/shop")).status, 204);
      assert.equal((await expose(theirs.id, { port, name: "shop" }, token)).domain, domain);
      await fixture.request("DELETE", `/api/v3/sandbox/${theirs.id}`, { token });
    });
  });

  test("a door that is closed is gone", async () => {
    const client = await create(fixture);
    const { domain } = await expose(client.id, { port });
    assert.equal((await fixture.request("DELETE", `/api/v1/doors/${domain.split(".")[0]}`)).status, 204);
    assert.equal((await visit(domain)).status, 404);
    await kill(client.id);
  });

  test("doors of sandboxes that survive a restart of the server do, too", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const listening = fixture.server.port;
    const open = await expose(client.id, { port });
    const secret = await expose(client.id, { port, auth: "token" });
    await fixture.server.close({ leaveRunning: true });
    await fixture.start({ port: listening });
    assert.equal((await visit(open.domain)).status, 200);
    assert.equal((await visit(secret.domain)).status, 401);
    assert.equal((await visit(secret.domain, "/", { "x-sandkeep-token": secret.token! })).status, 200);
    await kill(client.id);
    assert.equal((await visit(open.domain)).status, 404);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SandboxMetadata, Token } from "@sandkeep/protocol";
import { create, join, Refused } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";

const unknown = `ddo_${"0".repeat(40)}`;

async function refused(answer: Response | Promise<unknown>, status: number, code: string): Promise<void> {
  if (answer instanceof Response) {
    const body = (await answer.json()) as { code: string };
    assert.equal(`${answer.status} ${body.code}`, `${status} ${code}`);
    assert.match(answer.headers.get("x-deno-trace-id") ?? "", /^[0-9a-f]{32}$/);
    return;
  }
  const error = await answer.then(
    () => assert.fail("was not refused"),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof Refused, String(error));
  assert.equal(`${error.status} ${error.body.code}`, `${status} ${code}`);
  assert.match(String(error.headers["x-deno-trace-id"]), /^[0-9a-f]{32}$/);
}

describe("who may", async () => {
  test("nobody without a token, or with one that is unknown", async () => {
    await using fixture = await Fixture.start();
    await refused(await fixture.request("GET", "/api/v2/sandboxes", { token: null }), 401, "NOT_AUTHENTICATED");
    await refused(
      await fixture.request("GET", "/api/v2/sandboxes", { token: null, headers: { authorization: "Basic eDp5" } }),
      401,
      "NOT_AUTHENTICATED",
    );
    await refused(create(fixture, {}, { token: null }), 401, "NOT_AUTHENTICATED");
    for (const token of [unknown, "x", "ddp_personal", "x".repeat(10_000)]) {
      await refused(await fixture.request("GET", "/api/v2/sandboxes", { token }), 401, "INVALID_TOKEN");
      await refused(create(fixture, {}, { token }), 401, "INVALID_TOKEN");
    }
    assert.equal(fixture.host.specs.length, 0);
  });

  test("nobody with a token that has expired", async () => {
    await using fixture = await Fixture.start();
    const { token } = await fixture.token({ expiresInMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await refused(await fixture.request("GET", "/api/v2/sandboxes", { token }), 403, "TOKEN_EXPIRED");
    await refused(create(fixture, {}, { token }), 403, "TOKEN_EXPIRED");
  });

  test("only the organisation that the token is of", async () => {
    await using fixture = await Fixture.start();
    await refused(
      await fixture.request("GET", "/api/v2/sandboxes", { headers: { "x-deno-org": "acme" } }),
      403,
      "ORGANISATION_MISMATCH",
    );
    await refused(create(fixture, {}, { headers: { "x-deno-org": "acme" } }), 403, "ORGANISATION_MISMATCH");
    assert.equal(
      (await fixture.request("GET", "/api/v2/sandboxes", { headers: { "x-deno-org": "default" } })).status,
      200,
    );
  });

  test("nobody with a token that was revoked, from that moment on; what it had opened is closed", async () => {
    await using fixture = await Fixture.start();
    const made = await fixture.token();
    const keeper = await create(fixture, { timeout: "5m" });
    const own = await create(fixture, {}, { token: made.token });
    const joined = await join(fixture, keeper.id, { token: made.token });
    assert.equal((await fixture.request("DELETE", `/api/v1/tokens/${made.id}`)).status, 204);
    for (const client of [own, joined])
      assert.deepEqual(await client.closed, { code: 1008, reason: "The access token was revoked." });
    await refused(await fixture.request("GET", "/api/v2/sandboxes", { token: made.token }), 401, "INVALID_TOKEN");
    await refused(create(fixture, {}, { token: made.token }), 401, "INVALID_TOKEN");
    assert.equal(keeper.socket.readyState, keeper.socket.OPEN);
  });

  test("organisations do not see each other", async () => {
    await using fixture = await Fixture.start();
    const { token: other } = await fixture.token({ organisation: "other-org" });
    const mine = await create(fixture, { timeout: "5m" });
    assert.deepEqual(await fixture.get<SandboxMetadata[]>("/api/v2/sandboxes", other), []);
    assert.deepEqual(
      await fixture.get("/api/v1/events", other),
      await fixture.get("/api/v1/events?kind=token.created", other),
    );
    await refused(join(fixture, mine.id, { token: other }), 404, "SANDBOX_NOT_FOUND");
    for (const [method, path] of [
      ["DELETE", "/api/v3/sandbox/"],
      ["DELETE", "/api/v3/sandboxes/"],
      ["GET", "/api/v1/sandboxes/"],
    ] as const) {
      await refused(await fixture.request(method, path + mine.id, { token: other }), 404, "SANDBOX_NOT_FOUND");
    }
    await refused(
      await fixture.request("PATCH", `/api/v3/sandbox/${mine.id}`, {
        token: other,
        body: { stop_at_ms: Date.now() + 60_000 },
      }),
      404,
      "SANDBOX_NOT_FOUND",
    );
    assert.equal(mine.socket.readyState, mine.socket.OPEN);
  });

  test("limits count for each organisation", async () => {
    await using fixture = await Fixture.start({ limits: { sandboxesPerOrganisation: 1 } });
    const { token: other } = await fixture.token({ organisation: "other-org" });
    await create(fixture);
    await refused(create(fixture), 429, "CONCURRENCY_LIMIT");
    await create(fixture, {}, { token: other });
  });
});

describe("tokens", async () => {
  test("are shown once, and listed with their last use", async () => {
    await using fixture = await Fixture.start();
    const made = await fixture.token({ name: "ci" });
    assert.match(made.token, /^ddo_[0-9a-z]{40}$/);
    const before = (await fixture.get<Token[]>("/api/v1/tokens")).find(({ id }) => id === made.id);
    assert.equal(before?.name, "ci");
    assert.equal(before?.prefix, made.token.slice(0, 10));
    assert.equal(before?.lastUsedAt, null);
    assert.ok(!JSON.stringify(await fixture.get("/api/v1/tokens")).includes(made.token));
    await fixture.get("/api/v2/sandboxes", made.token);
    // Uses are written together, every few seconds and at the end.
    await fixture.server.close();
    await fixture.start();
    const after = (await fixture.get<Token[]>("/api/v1/tokens")).find(({ id }) => id === made.id);
    assert.ok(after?.lastUsedAt);
    assert.equal((await fixture.request("GET", "/api/v2/sandboxes", { token: made.token })).status, 200);
  });

  test("of administrators alone reach beyond their organisation", async () => {
    await using fixture = await Fixture.start();
    const admin = await fixture.get<Token[]>("/api/v1/tokens");
    const { token, organisation } = await fixture.token({ organisation: "team-a" });
    assert.equal(organisation, "team-a");
    const post = (body: unknown) => fixture.request("POST", "/api/v1/tokens", { token, body });
    await refused(await post({ name: "x", organisation: "default" }), 403, "FORBIDDEN");
    await refused(await post({ name: "x", admin: true }), 403, "FORBIDDEN");
    await refused(await fixture.request("GET", "/api/v1/organisations", { token }), 403, "FORBIDDEN");
    await refused(
      await fixture.request("POST", "/api/v1/organisations", { token, body: { slug: "mine" } }),
      403,
      "FORBIDDEN",
    );
    assert.equal((await post({ name: "x" })).status, 201);
    assert.equal((await fixture.get<Token[]>("/api/v1/tokens", token)).length, 2);
    await refused(await fixture.request("DELETE", `/api/v1/tokens/${admin[0]!.id}`, { token }), 404, "TOKEN_NOT_FOUND");
    await refused(
      await fixture.request("POST", "/api/v1/organisations", { body: { slug: "team-a" } }),
      409,
      "SLUG_ALREADY_IN_USE",
    );
    await refused(
      await fixture.request("POST", "/api/v1/tokens", { body: { name: "x", organisation: "nobody" } }),
      404,
      "ORGANISATION_NOT_FOUND",
    );
  });

  test("need a sensible request", async () => {
    await using fixture = await Fixture.start();
    for (const body of [
      {},
      { name: "" },
      { name: 1 },
      { name: "x", expiresInMs: 0 },
      { name: "x", organisation: "A B" },
      "[]",
      "{",
      "\u0000",
    ]) {
      await refused(await fixture.request("POST", "/api/v1/tokens", { body }), 400, "INVALID_REQUEST");
    }
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { SCOPES, type Scope, type Token } from "@sandkeep/protocol";
import { create, join, open, Refused } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { createApp } from "./app.ts";
import type { Services } from "./env.ts";
import { ACCESS } from "./scopes.ts";

const lower = (scope: Scope) => SCOPES.slice(0, SCOPES.indexOf(scope));

describe("scopes", async () => {
  let fixture: Fixture;
  /** One token for each scope, all of the first organisation. */
  const tokens = {} as Record<Scope, Token & { token: string }>;
  before(async () => {
    fixture = await Fixture.start();
    for (const scope of SCOPES) tokens[scope] = await fixture.token({ name: scope, scope });
  });
  after(() => fixture[Symbol.asyncDispose]());

  /** The routes that the application really has, as the table writes them. */
  function served(): Set<string> {
    const app = createApp({ config: { limits: {} } } as Services);
    const routes = app.routes
      .filter(({ path }) => path !== "/*" && path !== "*")
      .map(({ method, path }) => `${method} ${path}`);
    return new Set(routes);
  }

  test("every route has one, and every entry is a route", () => {
    const routes = served();
    for (const entry of Object.keys(ACCESS).filter((entry) => !entry.startsWith("TRPC")))
      assert.ok(routes.has(entry), `${entry} is in the table and not served`);
    const paths = new Set(Object.keys(ACCESS).map((entry) => entry.slice(entry.indexOf(" ") + 1)));
    for (const route of routes) {
      // `ALL` on a path that has methods refuses the others.
      if (!(route in ACCESS))
        assert.ok(route.startsWith("ALL ") && paths.has(route.slice(4)), `${route} is served and not in the table`);
    }
  });

  test("each lower one is refused on every route, and told which is needed; the one that is needed is not", async () => {
    const requested = async (route: string, token: string) => {
      const [method = "", path = ""] = route.split(" ");
      const target = path
        .replace(":id", "sbx_ord_00000000000000000000")
        .replace(":name", "KEY")
        .replace("*", "x")
        .replace(/:procedures.*/, "orgs.list");
      const response = await fixture.request(method === "ALL" ? "POST" : method, target, {
        token,
        ...(/P[A-Z]+/.test(method) && { body: "{" }),
      });
      const answer = {
        status: response.status,
        text: response.headers.get("content-type")?.includes("event-stream") ? "" : await response.text(),
      };
      await response.body?.cancel().catch(() => {});
      return answer;
    };
    for (const [route, { scope }] of Object.entries(ACCESS)) {
      if (scope === null || route.startsWith("TRPC")) continue;
      for (const less of lower(scope)) {
        const { status, text } = await requested(route, tokens[less].token);
        const { code, message } = JSON.parse(text) as { code: string; message: string };
        assert.equal(`${route} with ${less}: ${status} ${code}`, `${route} with ${less}: 403 FORBIDDEN`);
        assert.ok(
          message.includes(`scope \`${scope}\``) &&
            message.includes(`has \`${less}\``) &&
            message.includes("sandkeep token list"),
          message,
        );
      }
      assert.notEqual((await requested(route, tokens[scope].token)).status, 403, `${route} with ${scope}`);
      assert.equal(
        (
          await fixture.request(
            route.startsWith("ALL") ? "GET" : route.split(" ")[0]!,
            route.split(" ")[1]!.replace(/:procedures.*/, "orgs.list"),
            { token: null },
          )
        ).status,
        401,
        `${route} without a token`,
      );
    }
  });

  test("count for WebSockets too: who may only read neither creates nor connects", async () => {
    const refused = async (attempt: Promise<unknown>) => {
      const error = await attempt.then(
        () => assert.fail("was not refused"),
        (caught: unknown) => caught,
      );
      assert.ok(
        error instanceof Refused && error.status === 403 && error.body.message.includes("`run`"),
        String(error),
      );
    };
    const before = fixture.host.specs.length;
    await refused(create(fixture, {}, { token: tokens.read.token }));
    assert.equal(fixture.host.specs.length, before);
    const client = await create(fixture, {}, { token: tokens.run.token });
    await refused(join(fixture, client.id, { token: tokens.read.token }));
    const joined = await open(fixture, `/api/v3/sandbox/${client.id}/connect`, { token: tokens.run.token });
    assert.equal(joined.id, client.id);
    assert.equal(
      (await fixture.get<{ id: string }>(`/api/v1/sandboxes/${client.id}`, tokens.read.token)).id,
      client.id,
    );
    assert.equal(
      (await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`, { token: tokens.read.token })).status,
      403,
    );
    assert.equal(
      (await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`, { token: tokens.run.token })).status,
      204,
    );
  });

  test("a token cannot create one with a higher scope, and the default is not the highest", async () => {
    const post = async (token: string, body: object) =>
      await fixture.request("POST", "/api/v1/tokens", { token, body: { name: "x", ...body } });
    for (const scope of SCOPES) {
      assert.equal((await post(tokens.manage.token, { scope })).status, scope === "admin" ? 403 : 201, scope);
      assert.equal((await post(tokens.admin.token, { scope })).status, 201, scope);
    }
    assert.equal((await post(tokens.manage.token, { admin: true })).status, 403);
    assert.equal((await post(tokens.admin.token, { admin: true, scope: "read" })).status, 400);
    assert.equal((await post(tokens.admin.token, { scope: "root" })).status, 400);
    const made = (await (await post(tokens.admin.token, {})).json()) as Token;
    assert.deepEqual([made.scope, made.admin], ["manage", false]);
  });

  test("a token cannot create one that is valid longer: by default the new one expires with it", async () => {
    const HOUR_MS = 3_600_000;
    for (const scope of ["manage", "admin"] as const) {
      const maker = await fixture.token({ scope, expiresInMs: HOUR_MS });
      const post = async (body: object) =>
        await fixture.request("POST", "/api/v1/tokens", { token: maker.token, body: { name: "x", ...body } });
      const longer = await post({ expiresInMs: 2 * HOUR_MS });
      assert.equal(longer.status, 403);
      assert.match(((await longer.json()) as { message: string }).message, /expires at .* valid longer/);
      assert.equal(((await (await post({})).json()) as Token).expiresAt, maker.expiresAt);
      const shorter = (await (await post({ expiresInMs: HOUR_MS / 2 })).json()) as Token;
      assert.ok(Date.parse(shorter.expiresAt!) < Date.parse(maker.expiresAt!));
    }
  });

  test("an expiry beyond the last date is refused, and breaks nobody's list", async () => {
    const HUNDRED_YEARS_MS = 100 * 365 * 86_400_000;
    const post = async (expiresInMs: number) =>
      await fixture.request("POST", "/api/v1/tokens", { token: tokens.manage.token, body: { name: "x", expiresInMs } });
    for (const ms of [HUNDRED_YEARS_MS + 1, 8.64e15, Number.MAX_SAFE_INTEGER])
      assert.equal((await post(ms)).status, 400, String(ms));
    assert.equal((await post(HUNDRED_YEARS_MS)).status, 201);
    assert.equal((await fixture.request("GET", "/api/v1/tokens")).status, 200);
  });

  test("only an administrator revokes an administrator's token; of other organisations nobody else sees any", async () => {
    const admin = await fixture.token({ scope: "admin" });
    const other = await fixture.token({ scope: "manage", organisation: "elsewhere" });
    const revoke = async (id: string, token: string) =>
      (await fixture.request("DELETE", `/api/v1/tokens/${id}`, { token })).status;
    assert.equal(await revoke(admin.id, tokens.manage.token), 403);
    assert.equal((await fixture.request("GET", "/api/v1/info", { token: admin.token })).status, 200);
    assert.equal(await revoke(other.id, tokens.manage.token), 404);
    assert.equal(await revoke(admin.id, other.token), 404);
    const peer = await fixture.token({ scope: "manage" });
    assert.equal(await revoke(peer.id, tokens.manage.token), 204);
    assert.equal(await revoke(other.id, tokens.admin.token), 204);
    assert.equal(await revoke(admin.id, tokens.admin.token), 204);
  });

  test("are in the list of tokens and in the event of a token's creation", async () => {
    const list = await fixture.get<Token[]>("/api/v1/tokens", tokens.manage.token);
    for (const scope of SCOPES) assert.equal(list.find(({ id }) => id === tokens[scope].id)?.scope, scope);
    const events = await fixture.get<{ data: { token: string; scope?: string } }[]>(
      "/api/v1/events?kind=token.created&limit=1000",
    );
    assert.equal(events.find(({ data }) => data.token === tokens.read.id)?.data.scope, "read");
  });
});

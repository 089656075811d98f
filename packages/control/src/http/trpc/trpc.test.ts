import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTRPCClient, httpBatchLink, httpBatchStreamLink, httpLink, TRPCClientError } from "@trpc/client";
import type { TRPCCombinedDataTransformer } from "@trpc/server";
import fc from "fast-check";
import { serialize } from "superjson";
import { create } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { ACCESS } from "../scopes.ts";
import type { Router } from "./router.ts";

/** Encoding as in the platform's command line: input by superjson, output evaluated. */
const transformer: TRPCCombinedDataTransformer = {
  input: { serialize, deserialize: () => assert.fail("the server's half") },
  output: {
    serialize: () => assert.fail("the server's half"),
    // biome-ignore lint/security/noGlobalEval: what the official client does with the answer
    deserialize: (object) => (0, eval)(`(${object})`) as unknown,
  },
};

/** A client like the platform's command line, or with another of tRPC's links. */
function client(
  fixture: Fixture,
  token: string | null,
  { link = httpBatchStreamLink as typeof httpLink, headers = {} as Record<string, string> } = {},
) {
  const cookie = { cookie: `token=${token}; deno_auth_ghid=force` };
  return createTRPCClient<Router>({
    links: [
      link({
        url: `${fixture.origin}/api`,
        transformer,
        headers: { ...(token !== null && cookie), ...headers },
      } as never),
    ],
  });
}

async function refused(call: Promise<unknown>, code: string): Promise<string> {
  const error = await call.then(
    () => assert.fail("was not refused"),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof TRPCClientError, String(error));
  assert.equal((error.data as { code?: string } | undefined)?.code, code, error.message);
  return error.message;
}

describe("the platform's command line, over tRPC", async () => {
  test("finds the token's organisation, lists its sandboxes with dates, and ends one", async () => {
    await using fixture = await Fixture.start();
    const { token } = await fixture.token({ name: 'it\'s "quoted" </script>', organisation: "team-a" });
    const trpc = client(fixture, token);
    const [organisation, ...others] = await trpc.orgs.list.query();
    assert.deepEqual(others, []);
    assert.deepEqual({ name: organisation?.name, slug: organisation?.slug }, { name: "team-a", slug: "team-a" });
    const org = organisation!.slug;
    assert.deepEqual(await trpc.sandboxes.list.query({ org }), []);
    const [running, ending] = [
      await create(fixture, { timeout: "5m" }, { token }),
      await create(fixture, { timeout: "5m" }, { token }),
    ];
    // Two calls in the same turn form one request.
    const [list, { hostname, region }] = await Promise.all([
      trpc.sandboxes.list.query({ org }),
      trpc.sandboxes.findHostname.query({ org, sandboxId: ending.id }),
    ]);
    assert.deepEqual(
      list.map(({ id, status }) => [id, status]),
      [
        [ending.id, "running"],
        [running.id, "running"],
      ],
    );
    assert.ok(list[0]!.created_at instanceof Date && Math.abs(list[0]!.created_at.getTime() - Date.now()) < 600_000);
    assert.deepEqual(
      [hostname, region, list[0]!.cluster_hostname, list[0]!.stopped_at],
      [new URL(fixture.origin).host, "ord", hostname, null],
    );
    assert.equal(
      (await trpc.sandboxes.kill.mutate({ org, sandboxId: ending.id, clusterHostname: hostname })).success,
      true,
    );
    await ending.closed;
    const after = await trpc.sandboxes.list.query({ org: organisation!.id });
    assert.deepEqual(
      after.map(({ id, status, stopped_at }) => [id, status, stopped_at instanceof Date]),
      [
        [ending.id, "stopped", true],
        [running.id, "running", false],
      ],
    );
    await refused(trpc.sandboxes.findHostname.query({ org, sandboxId: ending.id }), "SANDBOX_NOT_FOUND");
  });

  test("is answered by every one of tRPC's links, and with the header Authorization as well", async () => {
    await using fixture = await Fixture.start();
    const { token } = fixture.server;
    for (const link of [httpBatchStreamLink, httpBatchLink, httpLink] as unknown as (typeof httpLink)[]) {
      assert.equal((await client(fixture, token, { link }).orgs.list.query()).length, 1);
      await refused(
        client(fixture, token, { link }).sandboxes.kill.mutate({ sandboxId: "sbx_ord_00000000000000000000" }),
        "SANDBOX_NOT_FOUND",
      );
      assert.equal(
        (await client(fixture, null, { link, headers: { authorization: `Bearer ${token}` } }).orgs.list.query()).length,
        1,
      );
    }
  });

  test("reaches nothing of another organisation", async () => {
    await using fixture = await Fixture.start();
    const { token } = await fixture.token({ organisation: "team-a" });
    const { id } = await create(fixture, { timeout: "5m" });
    const trpc = client(fixture, token);
    for (const org of ["default", "nobody"]) {
      await refused(trpc.sandboxes.list.query({ org }), "ORGANISATION_MISMATCH");
      await refused(trpc.sandboxes.kill.mutate({ org, sandboxId: id }), "ORGANISATION_MISMATCH");
    }
    await refused(trpc.sandboxes.findHostname.query({ org: "team-a", sandboxId: id }), "SANDBOX_NOT_FOUND");
    await refused(trpc.sandboxes.kill.mutate({ sandboxId: id }), "SANDBOX_NOT_FOUND");
  });

  test("may do what the token's scope says", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture, { timeout: "5m" });
    const [read, run] = [await fixture.token({ scope: "read" }), await fixture.token({ scope: "run" })];
    const procedures = Object.entries(ACCESS)
      .filter(([route]) => route.startsWith("TRPC"))
      .map(([route, { scope }]) => [route.slice(5), scope]);
    assert.deepEqual(procedures, [
      ["orgs.list", "read"],
      ["sandboxes.list", "read"],
      ["sandboxes.findHostname", "read"],
      ["sandboxes.kill", "run"],
    ]);
    const trpc = client(fixture, read.token);
    await Promise.all([
      trpc.orgs.list.query(),
      trpc.sandboxes.list.query({}),
      trpc.sandboxes.findHostname.query({ sandboxId: id }),
    ]);
    assert.match(await refused(trpc.sandboxes.kill.mutate({ sandboxId: id }), "FORBIDDEN"), /scope `run`/);
    assert.equal((await client(fixture, run.token).sandboxes.kill.mutate({ sandboxId: id })).success, true);
  });

  test("a token that does not count is a 401 with the reason, whatever is wrong with it", async () => {
    await using fixture = await Fixture.start();
    const [expired, revoked] = [await fixture.token({ expiresInMs: 1 }), await fixture.token()];
    await fixture.request("DELETE", `/api/v1/tokens/${revoked.id}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const [cookie, code] of [
      [undefined, "NOT_AUTHENTICATED"],
      ["token=x", "INVALID_TOKEN"],
      [`token=${revoked.token}`, "INVALID_TOKEN"],
      [`token=${expired.token}`, "TOKEN_EXPIRED"],
      ["a=b", "NOT_AUTHENTICATED"],
    ] as const) {
      const response = await fixture.request("GET", "/api/orgs.list?batch=1&input=%7B%7D", {
        token: null,
        headers: { ...(cookie && { cookie }), "trpc-accept": "application/jsonl" },
      });
      assert.deepEqual([response.status, ((await response.json()) as { code: string }).code], [401, code]);
      assert.ok(response.headers.get("x-deno-trace-id"));
    }
  });
});

describe("a cookie", async () => {
  const get = async (
    fixture: Fixture,
    path: string,
    headers: Record<string, string> = {},
    method = "GET",
    body?: string,
  ) =>
    await fixture.request(method, path, {
      token: null,
      headers: { cookie: `token=${fixture.server.token}`, ...headers },
      ...(body !== undefined && { body }),
    });

  test("counts on these paths only", async () => {
    await using fixture = await Fixture.start();
    for (const route of Object.keys(ACCESS)) {
      const [method = "", path = ""] = route.split(" ");
      if (ACCESS[route]?.scope === null || method === "TRPC" || path.includes("procedures")) continue;
      const response = await get(fixture, path.replaceAll(/:\w+/g, "x"), {}, method === "ALL" ? "GET" : method);
      assert.equal(`${route} ${response.status}`, `${route} 401`);
    }
  });

  test("is not accepted from a page of another site, which a browser would send it for", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture, { timeout: "5m" });
    const kill = JSON.stringify({ json: { sandboxId: id } });
    const json = { "content-type": "application/json" };
    const foreign: Record<string, string>[] = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: fixture.origin.replace(/:\d+$/, ":1") },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: fixture.origin, "sec-fetch-site": "cross-site" },
    ];
    for (const headers of foreign) {
      assert.equal((await get(fixture, "/api/orgs.list", headers)).status, 403, JSON.stringify(headers));
      assert.equal((await get(fixture, "/api/sandboxes.kill", { ...headers, ...json }, "POST", kill)).status, 403);
    }
    // A link or a form cannot end a sandbox, even if the browser sends no headers about its origin.
    assert.equal((await get(fixture, `/api/sandboxes.kill?input=${encodeURIComponent(kill)}`)).status, 405);
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      assert.equal(
        (await get(fixture, "/api/sandboxes.kill", { "content-type": type }, "POST", kill)).status,
        400,
        type,
      );
    }
    assert.equal((await fixture.get<{ status: string }>(`/api/v1/sandboxes/${id}`)).status, "running");
    assert.equal(
      (await get(fixture, "/api/orgs.list", { origin: fixture.origin, "sec-fetch-site": "same-origin" })).status,
      200,
    );
    assert.equal((await get(fixture, "/api/sandboxes.kill", json, "POST", kill)).status, 200);
  });
});

describe("hostile tRPC", async () => {
  test("is never a fault of the server, with a token either", async () => {
    await using fixture = await Fixture.start();
    const procedures = fc.array(
      fc.oneof(
        fc.constantFrom(
          "orgs.list",
          "sandboxes.list",
          "sandboxes.kill",
          "sandboxes.findHostname",
          "sandboxes",
          "orgs.list.list",
          "__proto__.list",
          "constructor.name",
        ),
        fc.string({ unit: fc.constantFrom(..."abz.,"), minLength: 1, maxLength: 12 }),
      ),
      { minLength: 1, maxLength: 4 },
    );
    const value = fc.oneof(
      fc.json(),
      fc.jsonValue().map((json) =>
        JSON.stringify({
          0: {
            json,
            meta: {
              values: { "__proto__.x": ["Date"], a: [["class", "Object"]] },
              referentialEqualities: { a: ["__proto__"] },
            },
          },
        }),
      ),
      fc
        .record({ org: fc.jsonValue(), sandboxId: fc.oneof(fc.string(), fc.jsonValue()) })
        .map((json) => JSON.stringify({ 0: { json }, 1: { json } })),
      fc.string(),
    );
    const header = fc.record(
      {
        "trpc-accept": fc.constantFrom("application/jsonl", "x", ""),
        "content-type": fc.constantFrom(
          "application/json",
          "text/plain",
          "application/octet-stream",
          "multipart/form-data",
        ),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        procedures,
        value,
        header,
        fc.boolean(),
        fc.constantFrom("GET", "POST"),
        async (names, input, headers, batch, method) => {
          const path = `/api/a.${names.join(",")}`.replace("a.", names[0]!.includes(".") ? "" : "a.");
          const query = `?${batch ? "batch=1&" : ""}${method === "GET" ? `input=${encodeURIComponent(input)}` : ""}`;
          const response = await fixture.request(method, path + query, {
            headers,
            ...(method === "POST" && { body: input }),
          });
          const text = await response.text();
          assert.ok(response.status < 500 && !/INTERNAL/.test(text), `${response.status} ${text}`);
        },
      ),
      { seed: Number(process.env.SANDKEEP_SEED ?? 17), numRuns: 400 },
    );
    assert.equal(({} as Record<string, unknown>).x, undefined);
    assert.deepEqual(
      fixture.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 50),
      [],
    );
  });

  test("is bounded: so many calls in one request, and so long a body", async () => {
    await using fixture = await Fixture.start();
    const many = await fixture.request("GET", `/api/${Array(11).fill("orgs.list").join(",")}?batch=1`);
    assert.equal(many.status, 400);
    const long = await fixture.request("POST", "/api/sandboxes.kill", {
      body: "x".repeat(1024 * 1024 + 1),
      headers: { "content-type": "application/json" },
    });
    assert.equal(long.status, 413);
  });
});

/** Apps and layers over the API, without anything that runs. */
import assert from "node:assert/strict";
import { StatementSync } from "node:sqlite";
import { after, before, describe, mock, test } from "node:test";
import type { App, Layer, SandboxEvent } from "@sandkeep/protocol";
import { Fixture } from "../testing/fixture.ts";

describe("apps", async () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await Fixture.start({ apps: { appsPerOrganisation: 12, layersPerOrganisation: 10 } });
  });
  after(() => fixture[Symbol.asyncDispose]());

  const send = async <Answer>(method: string, path: string, body?: unknown, token?: string): Promise<Answer> => {
    const response = await fixture.request(method, path, { body, ...(token !== undefined && { token }) });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as Answer;
  };
  const refused = async (method: string, path: string, body?: unknown, token?: string) => {
    const response = await fixture.request(method, path, { body, ...(token !== undefined && { token }) });
    const { code } = (await response.json()) as { code: string };
    return `${response.status} ${code}`;
  };
  const create = (body: object = {}, token?: string) => send<App>("POST", "/api/v2/apps", body, token);
  const update = (app: App, body: object) => send<App>("PATCH", `/api/v2/apps/${app.id}`, body);
  const remove = (app: App) => send("DELETE", `/api/v2/apps/${app.id}`);

  test("an app is created, found by id and slug, changed and deleted, and each is an event", async () => {
    const app = await create({
      slug: "shop",
      labels: { team: "a" },
      env_vars: [{ key: "COLOUR", value: "red" }],
      config: { install: "npm ci", runtime: { type: "dynamic", entrypoint: "server.ts" } },
    });
    assert.deepEqual(await fixture.get(`/api/v2/apps/shop`), app);
    assert.deepEqual(app.config, { install: "npm ci", runtime: { type: "dynamic", entrypoint: "server.ts" } });
    const changed = await update(app, { slug: "store", labels: { team: "b" } });
    assert.deepEqual(changed, { ...app, slug: "store", labels: { team: "b" }, updated_at: changed.updated_at });
    assert.notEqual(changed.updated_at, app.updated_at);
    assert.equal(await refused("GET", "/api/v2/apps/shop"), "404 APP_NOT_FOUND");
    await remove(app);
    assert.equal(await refused("GET", `/api/v2/apps/${app.id}`), "404 APP_NOT_FOUND");
    const events = await fixture.get<SandboxEvent[]>("/api/v1/events?kind=app.created,app.updated,app.deleted");
    assert.deepEqual(
      events.map(({ kind, data }) => [kind, (data as { slug: string }).slug]),
      [
        ["app.deleted", "store"],
        ["app.updated", "store"],
        ["app.created", "shop"],
      ],
    );
  });

  test("variables change one by one, by id or key, and a secret's value never comes back", async () => {
    const app = await create({
      env_vars: [
        { key: "A", value: "1", contexts: ["production"] },
        { key: "A", value: "2", contexts: ["preview"] },
        { key: "TOKEN", value: "s3cret-value", secret: true },
        { key: "B", value: "b" },
      ],
    });
    const [production, , token] = app.env_vars;
    assert.deepEqual(token, { id: token!.id, key: "TOKEN", secret: true, contexts: "all" });
    assert.ok(!JSON.stringify(app).includes("s3cret-value"));
    const changed = await update(app, {
      env_vars: [
        { id: production!.id, value: "one" },
        { key: "B", delete: true },
        { key: "C", value: "c" },
        { key: "TOKEN", contexts: ["production"] },
      ],
    });
    assert.deepEqual(
      changed.env_vars.map(({ key, value, contexts }) => [key, value, contexts]),
      [
        ["A", "one", ["production"]],
        ["A", "2", ["preview"]],
        ["TOKEN", undefined, ["production"]],
        ["C", "c", "all"],
      ],
    );
    for (const env_vars of [
      [{ key: "A", value: "x" }],
      [{ key: "TOKEN", secret: false }],
      [{ key: "TOKEN", hosts: ["evil.example"] }],
      [{ id: production!.id, contexts: "all" }],
      [{ key: "D" }],
      [{ key: "NEW", value: "v", hosts: ["a.example"] }],
      [{ key: "NEW", value: "v", secret: true, hosts: ["*"] }],
      [{ key: "1X", value: "v" }],
      [{ key: "__proto__", value: "v" }],
      Array.from({ length: 9 }, (_, at) => ({ key: `LARGE_${at}`, value: "v".repeat(16_000) })),
      Array.from({ length: 7 }, (_, at) => ({ key: `SEALED_${at}`, value: "v".repeat(16_000), secret: true })),
      [{ id: "nobody", value: "v" }],
    ])
      assert.equal(
        await refused("PATCH", `/api/v2/apps/${app.id}`, { env_vars }),
        "400 INVALID_REQUEST",
        JSON.stringify(env_vars).slice(0, 100),
      );
    assert.ok(!fixture.logged.some((line) => line.includes("s3cret-value")));
    await remove(app);
  });

  test("comes in pages, the last changed first, by labels and by layer", async () => {
    const layer = await send<Layer>("POST", "/api/v2/layers", { slug: "common" });
    const apps = [];
    for (const slug of ["p-1", "p-2", "p-3"])
      apps.push(await create({ slug, labels: { test: "pages" }, ...(slug !== "p-3" && { layers: ["common"] }) }));
    await update(apps[0]!, { labels: { test: "pages", more: "1" } });
    const list = async (query: string) => {
      const response = await fixture.request("GET", `/api/v2/apps?${query}`);
      const next = /cursor=([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1];
      return { slugs: ((await response.json()) as App[]).map(({ slug }) => slug), next };
    };
    const first = await list("limit=2&labels[test]=pages");
    assert.deepEqual(first.slugs, ["p-1", "p-3"]);
    assert.deepEqual(await list(`limit=2&labels[test]=pages&cursor=${first.next}`), {
      slugs: ["p-2"],
      next: undefined,
    });
    assert.deepEqual((await list("labels[test]=pages&layer=common")).slugs, ["p-1", "p-2"]);
    assert.equal((await fixture.get<Layer>("/api/v2/layers/common")).app_count, 2);
    const users = await fixture.get<{ slug: string; layer_position: number }[]>("/api/v2/layers/common/apps");
    assert.deepEqual(users.map(({ slug, layer_position }) => [slug, layer_position]).sort(), [
      ["p-1", 0],
      ["p-2", 0],
    ]);
    assert.equal(await refused("DELETE", `/api/v2/layers/${layer.id}`), "409 LAYER_IN_USE");
    for (const app of apps) await remove(app);
    await send("DELETE", `/api/v2/layers/${layer.id}`);
  });

  test("layers include others, but neither themselves nor too many in a row", async () => {
    const slugs = ["l-0", "l-1", "l-2", "l-3", "l-4"];
    for (const [at, slug] of slugs.entries())
      await send("POST", "/api/v2/layers", { slug, description: slug, ...(at > 0 && { layers: [slugs[at - 1]] }) });
    assert.equal(await refused("POST", "/api/v2/layers", { slug: "l-5", layers: ["l-4"] }), "400 INVALID_REQUEST");
    assert.equal(await refused("PATCH", "/api/v2/layers/l-0", { layers: ["l-3"] }), "400 INVALID_REQUEST");
    assert.equal(await refused("POST", "/api/v2/layers", { slug: "l-5", layers: ["none"] }), "404 LAYER_NOT_FOUND");
    const [outer, inner] = [
      await fixture.get<Layer>("/api/v2/layers/l-1"),
      await fixture.get<Layer>("/api/v2/layers/l-0"),
    ];
    assert.deepEqual(outer.layers, [{ id: inner.id, slug: "l-0" }]);
    assert.equal(outer.description, "l-1");
    for (const slug of slugs.toReversed()) await send("DELETE", `/api/v2/layers/${slug}`);
  });

  test("layers that reach others in very many ways are checked without looking at each way", async () => {
    const { token } = await fixture.token({ organisation: "nested", admin: false });
    const post = (slug: string, layers: string[]) => send<Layer>("POST", "/api/v2/layers", { slug, layers }, token);
    let below: string[] = [];
    for (let level = 0; level < 4; level++) {
      const row = ["a", "b"].map((name) => `${name}-${level}`);
      for (const slug of row) await post(slug, below);
      below = row;
    }
    const prepare = mock.method(StatementSync.prototype, "all");
    await post("top", below);
    const queries = prepare.mock.callCount();
    prepare.mock.restore();
    // 30 ways lead down from it.
    assert.ok(queries < 20, `${queries} queries`);
    // Those above a layer count too.
    await post("leaf", []);
    const deeper = await refused("PATCH", "/api/v2/layers/a-0", { layers: ["leaf"] }, token);
    assert.equal(deeper, "400 INVALID_REQUEST");
  });

  test("a name is one app's: not another organisation's, no door's, and none that is reserved", async () => {
    const { token } = await fixture.token({ organisation: "others", admin: false });
    const app = await create({ slug: "mine" });
    assert.equal(await refused("POST", "/api/v2/apps", { slug: "mine" }, token), "409 SLUG_ALREADY_IN_USE");
    assert.equal(await refused("GET", "/api/v2/apps/mine", undefined, token), "404 APP_NOT_FOUND");
    assert.equal(await refused("PATCH", `/api/v2/apps/${app.id}`, {}, token), "404 APP_NOT_FOUND");
    assert.equal(await refused("DELETE", `/api/v2/apps/${app.id}`, undefined, token), "404 APP_NOT_FOUND");
    assert.equal((await fixture.get<App[]>("/api/v2/apps", token)).length, 0);
    for (const slug of ["admin", "www", "rev-123456789012"])
      assert.equal(await refused("POST", "/api/v2/apps", { slug }), "409 SLUG_ALREADY_IN_USE", slug);
    for (const slug of ["a", "a--b", "-a", "A", "1a", "a.b"])
      assert.equal(await refused("POST", "/api/v2/apps", { slug }), "400 INVALID_REQUEST", slug);
    await remove(app);
  });

  test("an organisation has no more than its limit", async () => {
    const { token } = await fixture.token({ organisation: "many", admin: false });
    for (let count = 0; count < 12; count++) await create({}, token);
    assert.equal(await refused("POST", "/api/v2/apps", {}, token), "429 APP_LIMIT");
  });
});

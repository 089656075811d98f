import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { rpcMethods } from "@sandkeep/protocol";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { addDenoToPath, beginDeployment, outcomeOf } from "../../apps/testing/deploy.ts";
import { create } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { ACCESS } from "../scopes.ts";
import { type OpenApi, openApiDocument } from "./document.ts";
import { OPERATIONS } from "./operations.ts";

addDenoToPath();

type Specification = Parameters<Validator["validate"]>[0];

interface Described {
  responses: Record<string, { content?: Record<string, { schema?: object }> }>;
  requestBody?: { content: Record<string, { schema: object; example?: unknown }> };
}

/** What is validated against a schema of the document. */
class Checker {
  readonly #document: OpenApi;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });

  constructor(document: OpenApi) {
    this.#document = document;
    this.#ajv.addSchema(document, "document");
  }

  described(route: string): Described {
    const [method = "", path = ""] = route.split(" ");
    const described = this.#document.paths[path.replace(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
    assert.ok(described, `${route} is not in the document`);
    return described as unknown as Described;
  }

  check(schema: object, value: unknown, what: string): void {
    const inDocument = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')) as object;
    const validate = this.#ajv.compile(inDocument);
    assert.ok(
      validate(value),
      `${what}: ${this.#ajv.errorsText(validate.errors)} in ${JSON.stringify(value).slice(0, 500)}`,
    );
  }
}

describe("the API document", async () => {
  test("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    assert.deepEqual(await validator.validate(structuredClone(openApiDocument("1.2.3")) as unknown as Specification), {
      valid: true,
    });
    assert.equal(validator.version, "3.1");
  });

  test("describes every route that is served, and no other", () => {
    const served = Object.keys(ACCESS).filter((entry) => !/^(TRPC|ALL) |:procedures/.test(entry));
    assert.deepEqual(Object.keys(OPERATIONS).sort(), served.sort());
    const ids = Object.values(OPERATIONS).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, "an operation's id is its own");
  });

  test("has examples that its own schemas accept", () => {
    const checker = new Checker(openApiDocument("1.2.3", true));
    let examples = 0;
    for (const route of Object.keys(OPERATIONS)) {
      const body = checker.described(route).requestBody?.content["application/json"];
      if (!body) continue;
      checker.check(body.schema, body.example, route);
      examples++;
    }
    assert.ok(examples >= 5);
  });
});

describe("real answers are as the API document says", async () => {
  let fixture: Fixture;
  let sandbox: string;
  const checker = new Checker(openApiDocument("1.2.3", true));
  /** Routes that were answered with success, and those that were refused. */
  const seen = new Set<string>();

  before(async () => {
    fixture = await Fixture.start();
    ({ id: sandbox } = await create(fixture, { labels: { team: "a" }, allow_net: ["a.example"], timeout: "5m" }));
  });
  after(() => fixture[Symbol.asyncDispose]());

  async function ask(
    route: string,
    {
      id = sandbox,
      name = "KEY",
      query = "",
      body,
    }: { id?: string; name?: string; query?: string; body?: unknown } = {},
  ): Promise<unknown> {
    const [method = "", path = ""] = route.split(" ");
    const target = path.replace(":id", id).replace(":name", name) + query;
    const response = await fixture.request(method, target, body === undefined ? {} : { body });
    const described = checker.described(route).responses[response.status];
    const type = response.headers.get("content-type")?.split(";")[0] ?? "";
    const what = `${route}: ${response.status}`;
    if (type === "text/event-stream") await response.body?.cancel();
    const text = type === "text/event-stream" ? "" : await response.text();
    assert.ok(described, `${what} is not in the document: ${text}`);
    if (response.status < 400 || response.status === 426) seen.add(route);
    if (!described.content) return void assert.equal(text, "", what);
    const content = described.content[type];
    assert.ok(content, `${what}: ${type} is not in the document`);
    if (!content.schema) return text;
    const value: unknown = JSON.parse(text);
    checker.check(content.schema, value, what);
    return value;
  }

  test("about sandboxes", async () => {
    for (const version of ["v1", "v2", "v3"]) {
      const all = (await ask(`GET /api/${version}/sandboxes`)) as unknown[];
      assert.equal(all.length, 1);
      assert.equal(((await ask(`GET /api/${version}/sandboxes`, { query: "?labels[team]=b" })) as unknown[]).length, 0);
    }
    await ask("GET /api/v3/sandboxes", { query: "?limit=0" });
    await ask("GET /api/v1/sandboxes/:id");
    await ask("GET /api/v1/sandboxes/:id", { id: "sbx_ord_none" });
    await ask("GET /api/v3/sandboxes/create");
    await ask("GET /api/v3/sandbox/:id/connect");
    const { stop_at_ms } = (await ask("PATCH /api/v3/sandbox/:id", { body: { stop_at_ms: Date.now() + 600_000 } })) as {
      stop_at_ms: number;
    };
    assert.ok(stop_at_ms > Date.now());
    await ask("PATCH /api/v3/sandbox/:id", { body: { stop_at_ms: "soon" } });
  });

  test("about egress", async () => {
    const rules = [
      { host: "a.example", methods: ["GET"], paths: ["/v1/**"], maxRequestBytes: 1, requestsPerMinute: 2 },
    ];
    await ask("PATCH /api/v1/sandboxes/:id/egress", { body: { rules } });
    await ask("PUT /api/v1/sandboxes/:id/egress/secrets/:name", { body: { value: "sk-1", hosts: ["a.example"] } });
    await ask("PUT /api/v1/sandboxes/:id/egress/secrets/:name", { body: { value: "" } });
    await ask("GET /api/v1/sandboxes/:id/egress");
    await ask("GET /api/v1/sandboxes/:id/egress/log");
    await ask("GET /api/v1/sandboxes/:id/egress/log", { query: "?format=har" });
    await ask("DELETE /api/v1/sandboxes/:id/egress/secrets/:name");
    await ask("DELETE /api/v1/sandboxes/:id/egress/secrets/:name");
  });

  test("about volumes and snapshots", async () => {
    const make = (slug: string) => ({ body: { slug, region: "ord", capacity: "1GB" } });
    await ask("POST /api/v2/volumes", make("data"));
    await ask("POST /api/v2/volumes", make("data"));
    await ask("POST /api/v2/volumes", { body: { slug: "data" } });
    await ask("POST /api/v2/volumes/:id/snapshot", { id: "data", body: { slug: "data-1" } });
    const findings = String(await ask("GET /api/v1/storage/findings"))
      .trim()
      .split("\n");
    assert.deepEqual(
      findings.map((line) => JSON.parse(line).state),
      ["fine", "fine"],
    );
    for (const kind of ["volumes", "snapshots"]) {
      for (const version of ["v1", "v2"]) {
        assert.equal(((await ask(`GET /api/${version}/${kind}`)) as unknown[]).length, 1);
        await ask(`GET /api/${version}/${kind}/:id`, { id: kind === "volumes" ? "data" : "data-1" });
        await ask(`GET /api/${version}/${kind}/:id`, { id: "nothing" });
      }
      await ask(`POST /api/v1/${kind}/:id/restore`, { id: "nothing", body: {} });
    }
    await ask("GET /api/v1/snapshots/:id/export", { id: "data-1" });
    await ask("GET /api/v1/snapshots/:id/export", { id: "nothing" });
    const exported = await fixture.request("GET", "/api/v1/snapshots/data-1/export");
    const file = new Uint8Array(await exported.arrayBuffer());
    await ask("POST /api/v1/volumes/import", { query: "?slug=imported", body: file });
    await ask("POST /api/v1/volumes/import", { query: "?slug=imported", body: file });
    await ask("POST /api/v1/volumes/import", { query: "?slug=other", body: file.subarray(0, -1) });
    await ask("POST /api/v1/volumes/import");
    await fixture.request("DELETE", "/api/v1/volumes/imported");
    const ours = "/api/v1/sandboxes/:id/volumes";
    await ask(`POST ${ours}`, { body: { volume: "data", path: "/data" } });
    await ask(`POST ${ours}`, { body: { volume: "data", path: "/data" } });
    await ask(`POST ${ours}`, { body: { volume: "nothing", path: "/nothing" } });
    assert.equal(((await ask(`GET ${ours}`)) as unknown[]).length, 1);
    await ask("POST /api/v1/sandboxes/:id/snapshot", { body: { slug: "as-it-is" } });
    await fixture.request("DELETE", "/api/v1/snapshots/as-it-is");
    await ask(`DELETE ${ours}/:name`, { name: "data" });
    await ask(`DELETE ${ours}/:name`, { name: "data" });
    await ask("PATCH /api/v1/volumes/:id", { id: "data", body: { capacity: "2GB" } });
    for (const [kind, id] of [
      ["snapshots", "data-1"],
      ["volumes", "data"],
    ] as const) {
      await ask(`DELETE /api/v2/${kind}/:id`, { id });
      assert.equal(((await ask(`GET /api/v1/${kind}`, { query: "?state=deleted" })) as unknown[]).length, 1);
      await ask(`POST /api/v1/${kind}/:id/restore`, { id, body: {} });
      await ask(`DELETE /api/v1/${kind}/:id`, { id });
      await ask(`DELETE /api/v1/${kind}/:id`, { id });
    }
  });

  test("about forks and pauses", async () => {
    const ours = "POST /api/v1/sandboxes/:id";
    const children = (await ask(`${ours}/fork`, { body: { count: 2, timeout: "1m" } })) as { id: string }[];
    await ask(`${ours}/fork`, { body: { count: 100 } });
    for (const child of children) await ask("DELETE /api/v3/sandbox/:id", { id: child.id });
    await ask(`${ours}/pause`);
    await ask(`${ours}/pause`);
    await ask(`${ours}/fork`);
    await ask("GET /api/v3/sandbox/:id/connect");
    await ask(`${ours}/resume`, { body: { timeout: "1m" } });
    await ask(`${ours}/resume`);
  });

  test("about doors", async () => {
    const expose = "POST /api/v3/sandbox/:id/expose";
    await ask(`${expose}/http`, { body: { port: 80, auth: "token", name: "shop" } });
    await ask(`${expose}/http`, { body: { port: 0 } });
    await ask(`${expose}/vscode`, { body: {} });
    await ask(`${expose}/ssh`, { body: {} });
    assert.equal(((await ask("GET /api/v1/doors")) as unknown[]).length, 3);
    await ask("POST /api/v1/sandboxes/:id/terminal");
    await ask("POST /api/v1/doors/:name/token", { name: "shop", body: { expiresInMs: 1_000 } });
    for (const end of ["/token", "", "", "/token"]) await ask(`DELETE /api/v1/doors/:name${end}`, { name: "shop" });
  });

  test("about apps", async () => {
    const layer = { id: ((await ask("POST /api/v2/layers", { body: { slug: "shared" } })) as { id: string }).id };
    const env_vars = [{ key: "KEY", value: "v", secret: true, hosts: ["a.example"] }];
    const body = { slug: "my-app", labels: { a: "b" }, layers: ["shared"], env_vars, config: { install: "npm ci" } };
    const app = { id: ((await ask("POST /api/v2/apps", { body })) as { id: string }).id };
    await ask("POST /api/v2/apps", { body });
    await ask("PATCH /api/v2/apps/:id", { ...app, body: { config: {} } });
    await ask("PATCH /api/v2/layers/:id", { ...layer, body: { description: "for all" } });
    for (const route of ["apps", "layers"]) await ask(`GET /api/v2/${route}`);
    for (const rest of ["", "/apps"]) await ask(`GET /api/v2/layers/:id${rest}`, layer);
    await ask("DELETE /api/v2/layers/:id", layer);
    const deploy = async () => {
      const id = await beginDeployment(fixture, sandbox, "my-app", "Deno.serve({ port: 0 }, () => new Response());");
      assert.equal((await outcomeOf(fixture, id)).status, "succeeded");
      return id;
    };
    const id = await deploy();
    await deploy();
    await ask("POST /api/v2/sandboxes/:id/deploy", { body: { app: "my-app", entrypoint: "none" } });
    for (const rest of ["", "/progress", "/build_logs", "/timelines"])
      await ask(`GET /api/v2/revisions/:id${rest}`, { id });
    await ask("PATCH /api/v2/revisions/:id", { id, body: { retention: "indefinite" } });
    await ask("POST /api/v2/revisions/:id/cancel", { id });
    for (const rest of ["", "/revisions", "/timelines"]) await ask(`GET /api/v2/apps/:id${rest}`, app);
    await ask("GET /api/v2/apps/:id/logs", { ...app, query: "?start=2020-01-01T00:00:00Z" });
    const before = (await ask("GET /api/v1/apps/:id/production", app)) as { revision: string };
    await ask("POST /api/v1/apps/:id/rollback", { ...app, body: {} });
    await ask("DELETE /api/v2/revisions/:id", { id });
    await ask("DELETE /api/v2/revisions/:id", { id: before.revision });
    await ask("DELETE /api/v2/apps/:id", app);
    await ask("DELETE /api/v2/layers/:id", layer);
  });

  test("about tokens and organisations", async () => {
    await ask("POST /api/v1/organisations", { body: { slug: "acme" } });
    await ask("POST /api/v1/organisations", { body: { slug: "acme" } });
    await ask("GET /api/v1/organisations");
    const { id } = (await ask("POST /api/v1/tokens", { body: { name: "ci", scope: "run", expiresInMs: 1_000 } })) as {
      id: string;
    };
    await ask("POST /api/v1/tokens", { body: { name: "ci", organisation: "nobody" } });
    await ask("GET /api/v1/tokens");
    await ask("DELETE /api/v1/tokens/:id", { id });
    await ask("DELETE /api/v1/tokens/:id", { id: "tok_none" });
  });

  test("about the server", async () => {
    for (const path of ["v1/info", "v1/health", "openapi.json", "rpc.json", "docs"]) await ask(`GET /api/${path}`);
  });

  test("about the end of sandboxes, and about events of all of this", async () => {
    await ask("DELETE /api/v3/sandbox/:id");
    await ask("DELETE /api/v3/sandbox/:id");
    const { id } = await create(fixture, {});
    await ask("DELETE /api/v3/sandboxes/:id", { id });
    await ask("GET /api/v1/events/stream");
    const events = (await ask("GET /api/v1/events", { query: "?limit=100" })) as { kind: string }[];
    const kinds = new Set(events.map(({ kind }) => kind));
    for (const kind of ["sandbox.created", "sandbox.stopped", "egress.changed", "token.created", "volume.created"])
      assert.ok(kinds.has(kind), `${kind} is not among ${[...kinds].join(", ")}`);
  });

  test("for every operation that it describes", () => {
    assert.deepEqual([...seen].sort(), Object.keys(OPERATIONS).sort());
  });

  test("and the documents themselves need no token, say whether they changed, and let a page load nothing", async () => {
    const get = (path: string, headers = {}) => fixture.request("GET", path, { token: null, headers });
    for (const path of ["/api/openapi.json", "/api/rpc.json", "/api/docs"]) {
      const first = await get(path);
      assert.equal(first.status, 200, path);
      const etag = first.headers.get("etag") ?? "";
      assert.match(etag, /^"[\w-]{43}"$/);
      assert.equal((await get(path, { "if-none-match": etag })).status, 304, path);
      assert.equal((await get(path, { "if-none-match": '"other"' })).status, 200, path);
    }
    const page = await get("/api/docs");
    assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'; style-src 'sha256-[^']+';/);
    const html = await page.text();
    assert.ok(!/<script|<link|<img|style="|javascript:/i.test(html));
    for (const { id } of Object.values(OPERATIONS)) assert.ok(html.includes(`id="${id}"`), id);
    const rpc = (await (await get("/api/rpc.json")).json()) as { methods: object };
    assert.deepEqual(Object.keys(rpc.methods), Object.keys(rpcMethods));
  });
});

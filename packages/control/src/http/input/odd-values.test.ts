/**
 * Odd values in any field of a body, with an authorised token: accepted, or refused with the reason; never a server
 * error.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addDenoToPath, beginDeployment, outcomeOf } from "../../apps/testing/deploy.ts";
import { create } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { ACCESS } from "../scopes.ts";

addDenoToPath();

/** Valid bodies, by route. */
const BODIES: Record<string, Record<string, unknown>> = {
  "POST /api/v1/tokens": { name: "x", scope: "run", expiresInMs: 60_000, organisation: "default", admin: false },
  "POST /api/v1/organisations": { slug: "team-a", name: "A" },
  "PATCH /api/v3/sandbox/:id": { stop_at_ms: Date.now() + 60_000 },
  "PATCH /api/v1/sandboxes/:id/egress": {
    allow: ["a.example"],
    deny: ["b.example"],
    rules: [{ host: "a.example", methods: ["GET"] }],
  },
  "PUT /api/v1/sandboxes/:id/egress/secrets/:name": {
    value: "the-real-value-0123456789",
    hosts: ["a.example"],
    in: ["body"],
    placeholder: "sk-…",
  },
  // Before it has volumes.
  "POST /api/v1/sandboxes/:id/fork": { count: 1, timeout: "1m", labels: { a: "b" } },
  "POST /api/v1/sandboxes/:id/pause": {},
  "POST /api/v1/sandboxes/:id/resume": { timeout: "5m" },
  "POST /api/v2/volumes": { slug: "data", region: "ord", capacity: "1GB", from: null },
  "POST /api/v2/volumes/:id/snapshot": { slug: "data-1" },
  "POST /api/v1/sandboxes/:id/volumes": { volume: "free", path: "/free", read_only: false },
  "POST /api/v1/sandboxes/:id/snapshot": { slug: "as-it-is" },
  "PATCH /api/v1/volumes/:id": { capacity: "2GB" },
  "POST /api/v1/volumes/:id/restore": { slug: "restored" },
  "POST /api/v1/snapshots/:id/restore": { slug: "restored-1" },
  "POST /api/v3/sandbox/:id/expose/http": { port: 80, pid: null, auth: "token", name: "shop", expiresInMs: 60_000 },
  "POST /api/v3/sandbox/:id/expose/vscode": {},
  "POST /api/v3/sandbox/:id/expose/ssh": { authorizedKeys: [] },
  "POST /api/v1/sandboxes/:id/terminal": {},
  "POST /api/v1/doors/:name/token": { expiresInMs: 60_000 },
  "POST /api/v2/layers": { slug: "shared", description: "d", layers: [], env_vars: [{ key: "A", value: "1" }] },
  "PATCH /api/v2/layers/:id": { slug: "common", description: "e", layers: [], env_vars: [{ key: "A", value: "2" }] },
  "POST /api/v2/apps": { slug: "other-app", labels: { a: "b" }, env_vars: [], config: {}, layers: [] },
  "PATCH /api/v2/apps/:id": { labels: {}, env_vars: [{ key: "A", value: "1" }], config: { crons: true }, layers: [] },
  "POST /api/v2/sandboxes/:id/deploy": {
    app: "my-app",
    entrypoint: "none.ts",
    args: [],
    production: true,
    preview: false,
    path: "/home/app",
    mode: "none",
  },
  "POST /api/v1/apps/:id/rollback": { revision: "the one in production" },
  "PATCH /api/v2/revisions/:id": { retention: "auto" },
  "POST /api/v2/revisions/:id/cancel": {},
};

/** What their paths name, unless it is a sandbox. */
const IDS: Record<string, string> = {
  "PATCH /api/v1/volumes/:id": "kept",
  "POST /api/v2/volumes/:id/snapshot": "kept",
  "POST /api/v1/volumes/:id/restore": "gone",
  "POST /api/v1/snapshots/:id/restore": "gone-1",
  "POST /api/v1/doors/:name/token": "shop",
  "PATCH /api/v2/layers/:id": "shared",
  "PATCH /api/v2/apps/:id": "my-app",
  "POST /api/v1/apps/:id/rollback": "my-app",
};

const TEXTS = [
  "",
  "\0",
  "\ud800",
  "é",
  "*",
  "a..b",
  "a.example:0",
  "[::1]:5",
  "10.0.0.0/8",
  "xn--a",
  "__proto__",
  "…",
  "...{0022}",
  "x".repeat(5_000),
];
const NUMBERS = [0, -1, 1.5, 2 ** 31, 8.64e15, 8.64e15 + 1, Number.MAX_SAFE_INTEGER, 1e21, 1e308];
const ODD: unknown[] = [
  null,
  true,
  [],
  {},
  [[]],
  { add: ["*"], remove: [null] },
  ...NUMBERS,
  ...TEXTS,
  ...TEXTS.map((text) => [text]),
  ...TEXTS.map((text) => [{ host: text, paths: [text] }]),
];

test("is never a fault of the server, and what was taken can be listed", async () => {
  await using fixture = await Fixture.start();
  const { id } = await create(fixture, { timeout: "5m" });
  for (const slug of ["kept", "gone", "free"])
    await fixture.request("POST", "/api/v2/volumes", { body: { slug, region: "ord", capacity: "1GB" } });
  await fixture.request("POST", "/api/v2/volumes/gone/snapshot", { body: { slug: "gone-1" } });
  for (const path of ["volumes/gone", "snapshots/gone-1"]) await fixture.request("DELETE", `/api/v2/${path}`);
  await fixture.request("POST", "/api/v2/apps", { body: { slug: "my-app" } });
  const revision = await beginDeployment(fixture, id, "my-app", "Deno.serve({ port: 0 }, () => new Response());");
  assert.equal((await outcomeOf(fixture, revision)).status, "succeeded");
  BODIES["POST /api/v1/apps/:id/rollback"] = { revision };
  for (const route of ["PATCH /api/v2/revisions/:id", "POST /api/v2/revisions/:id/cancel"]) IDS[route] = revision;
  // A file's bytes are tested where files are read.
  const routes = Object.keys(ACCESS).filter((route) => /^P[A-Z]+ /.test(route) && !/:procedures|\/import$/.test(route));
  assert.deepEqual(Object.keys(BODIES).sort(), routes.sort());
  const send = async (route: string, body: object) => {
    const [method = "", path = ""] = route.split(" ");
    const target = path.replace(":id", IDS[route] ?? id).replace(":name", IDS[route] ?? "KEY");
    const response = await fixture.request(method, target, { body });
    return { status: response.status, text: await response.text() };
  };
  for (const [route, body] of Object.entries(BODIES)) {
    const { status, text } = await send(route, body);
    assert.ok(status < 300, `${route}: ${status} ${text}`);
    for (const field of Object.keys(body)) {
      const answers = await Promise.all(
        ODD.map(async (odd) => ({ odd, ...(await send(route, { ...body, [field]: odd })) })),
      );
      for (const { odd, status, text } of answers)
        assert.ok(
          status < 500 && !text.includes("INTERNAL"),
          `${route} with ${field} ${JSON.stringify(odd)}: ${status} ${text}`,
        );
    }
  }
  for (const path of [
    "/api/v1/tokens",
    "/api/v1/organisations",
    "/api/v1/sandboxes",
    "/api/v1/volumes?limit=1000",
    "/api/v1/snapshots?limit=1000",
    `/api/v1/sandboxes/${id}/egress`,
    "/api/v1/doors",
    "/api/v2/apps?limit=1000",
    "/api/v2/layers?limit=1000",
    "/api/v2/apps/my-app/revisions?limit=1000",
    "/api/v1/events?limit=1000",
  ])
    await fixture.get(path);
});

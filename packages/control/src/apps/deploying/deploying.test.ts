/** Deployments from the API to a visitor, with the real agent and the real Deno, on processes instead of machines. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { App, AppLog, BuildLog, Production, Revision, SandboxEvent, Timeline } from "@sandkeep/protocol";
import { codeOf, visit as visitDoor } from "../../doors/testing/visit.ts";
import { create, refusal, type TestClient } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { addDenoToPath, beginDeployment, outcomeOf, until } from "../testing/deploy.ts";

addDenoToPath();

const serving = (text: string) =>
  `console.log("hello from ${text}");
   Deno.serve({ port: 0, onListen() {} }, (request) => {
     const { pathname } = new URL(request.url);
     if (pathname === "/exit") Deno.exit(3);
     if (pathname === "/env") return Response.json(Deno.env.toObject());
     return new Response("${text}");
   });`;

describe("deployments", { timeout: 240_000 }, async () => {
  let fixture: Fixture;
  let sandbox: TestClient;
  let app: App;
  before(async () => {
    fixture = await Fixture.start({ apps: { idleMs: 2_500, startTimeoutMs: 20_000, revisionsPerApp: 2 } });
    sandbox = await create(fixture);
    app = await send<App>("POST", "/api/v2/apps", {
      slug: "my-app",
      env_vars: [
        { key: "WHERE", value: "production", contexts: ["production"] },
        { key: "WHERE", value: "preview", contexts: ["preview"] },
        { key: "HIDDEN", value: "h1dden", secret: true },
        { key: "API_KEY", value: "sk-real", secret: true, hosts: ["api.example.com"] },
      ],
    });
  });
  after(async () => {
    sandbox.socket.close();
    await fixture[Symbol.asyncDispose]();
  });

  async function send<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fixture.request(method, path, { body });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as Answer;
  }
  const code = async (method: string, path: string, body?: unknown) => {
    const response = await fixture.request(method, path, { body });
    return `${response.status} ${((await response.json()) as { code: string }).code}`;
  };
  const visit = async (name: string, path = "/") => {
    const { status, body } = await visitDoor(fixture, `${name}.localhost:${fixture.server.port}`, path);
    return { status, body };
  };
  const begin = (source: string, more?: object) => beginDeployment(fixture, sandbox.id, "my-app", source, more);
  const outcome = (id: string) => outcomeOf(fixture, id);
  const deploy = async (source: string, more?: object) => await outcome(await begin(source, more));
  const linesOf = async (id: string) => {
    const text = await (await fixture.request("GET", `/api/v2/revisions/${id}/build_logs`)).text();
    return text
      .split("\n\n")
      .filter((event) => event !== "")
      .map((event) => JSON.parse(event.replace(/^data: /, "")) as BuildLog);
  };
  const snapshots = () => fixture.host.storage.ids.filter((id) => id.startsWith("snp_"));

  test("a directory of a sandbox is live at the app's address, and starts again with a request after nobody used it", async () => {
    const id = await begin(serving("one"));
    const response = await fixture.request("GET", `/api/v2/revisions/${id}/progress`, {
      headers: { accept: "application/x-ndjson" },
    });
    assert.match(response.headers.get("content-type")!, /x-ndjson/);
    const steps = (await response.text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const last = steps.at(-1);
    assert.deepEqual(
      [last.queued, last.preparing, last.installing, last.building, last.deploying].map(({ status }) => status),
      ["succeeded", "succeeded", "skipped", "skipped", "succeeded"],
    );
    assert.deepEqual(
      last.deploying.timelines.map((one: Record<string, { status: string }>) => [
        one.slug,
        one.warmup!.status,
        one.routing!.status,
      ]),
      [["production", "succeeded", "succeeded"]],
    );
    const revision = await outcome(id);
    assert.deepEqual([revision.status, revision.failure_reason], ["succeeded", null]);
    assert.deepEqual(revision.config.runtime, { type: "dynamic", entrypoint: "main.ts", args: [] });
    // What a program prints may arrive after it has begun to listen. That it gets here is tested with those that fail.
    assert.ok((await linesOf(id)).some(({ message, step }) => message === "Deployed." && step === "deploying"));
    const [timeline] = await fixture.get<Timeline[]>(`/api/v2/revisions/${id}/timelines`);
    assert.deepEqual(timeline, {
      slug: "production",
      partition: {},
      app: { id: app.id, slug: "my-app" },
      context: { slug: "production" },
      domains: [{ domain: `my-app.localhost:${fixture.server.port}` }],
    });
    assert.deepEqual(await visit("my-app"), { status: 200, body: "one" });
    const env = JSON.parse((await visit("my-app", "/env")).body) as Record<string, string>;
    assert.deepEqual([env.WHERE, env.HIDDEN], ["production", "h1dden"]);
    const instance = fixture.host.specs.at(-1)!;
    const [secret] = instance.egress!.secrets;
    assert.deepEqual([secret?.name, secret?.hosts, secret?.placeholder], ["API_KEY", ["api.example.com"], env.API_KEY]);
    assert.match(env.API_KEY!, /^DENO_SECRET_PLACEHOLDER_/);
    assert.deepEqual([instance.root, instance.keep], [{ snapshot: snapshots()[0] }, false]);
    await stopped(instance.id);
    const created = fixture.host.specs.length;
    const many = await Promise.all(Array.from({ length: 8 }, () => visit("my-app")));
    assert.ok(many.every(({ status, body }) => status === 200 && body === "one"));
    assert.equal(fixture.host.specs.length, created + 1);
    assert.notEqual(fixture.host.specs.at(-1)!.egress!.secrets[0]?.placeholder, secret?.placeholder);
  });

  test("secrets are sealed on disk, and no other organisation gets at an app", async () => {
    for (const name of ["sandkeep.db", "sandkeep.db-wal"]) {
      const stored = await readFile(join(fixture.dir, "data", name));
      for (const value of ["h1dden", "sk-real"]) assert.ok(!stored.includes(value), `${value} in ${name}`);
    }
    const { token } = await fixture.token({ organisation: "others" });
    const theirs = await create(fixture, {}, { token });
    const [revision] = await fixture.get<Revision[]>("/api/v2/apps/my-app/revisions");
    const snapshot = `rev-${revision!.id}`;
    for (const [method, path, body, expected] of [
      ["POST", `/api/v2/sandboxes/${theirs.id}/deploy`, { app: "my-app" }, "404 APP_NOT_FOUND"],
      ["POST", `/api/v2/sandboxes/${sandbox.id}/deploy`, { app: "my-app" }, "404 SANDBOX_NOT_FOUND"],
      ["GET", `/api/v2/apps/${app.id}/logs?start=2020-01-01T00:00:00Z`, undefined, "404 APP_NOT_FOUND"],
      ["POST", `/api/v1/apps/${app.id}/rollback`, {}, "404 APP_NOT_FOUND"],
      ["GET", `/api/v2/revisions/${revision!.id}`, undefined, "404 REVISION_NOT_FOUND"],
      ["GET", `/api/v2/revisions/${revision!.id}/build_logs`, undefined, "404 REVISION_NOT_FOUND"],
      ["POST", `/api/v2/revisions/${revision!.id}/cancel`, {}, "404 REVISION_NOT_FOUND"],
      ["DELETE", `/api/v2/revisions/${revision!.id}`, undefined, "404 REVISION_NOT_FOUND"],
      ["GET", `/api/v2/snapshots/${snapshot}`, undefined, "404 SNAPSHOT_NOT_FOUND"],
    ] as const) {
      const response = await fixture.request(method, path, { body, token });
      const { code } = (await response.json()) as { code: string };
      assert.equal(`${path}: ${response.status} ${code}`, `${path}: ${expected}`);
    }
    const { body } = await refusal(create(fixture, { root: { volume: snapshot } }, { token }));
    assert.equal(body.code, "VOLUME_NOT_FOUND");
    theirs.socket.close();
  });

  test("a deployment that fails leaves what is live, says why, and leaves nothing behind", async () => {
    const before = snapshots();
    for (const [source, why] of [
      ["throw new Error('broken on purpose');", /broken on purpose/],
      ["console.log('nothing to serve');", /exited with code 0 before it listened/],
    ] as const) {
      const revision = await deploy(source);
      assert.deepEqual([revision.status, revision.failure_reason], ["failed", "error"]);
      assert.ok(
        (await linesOf(revision.id)).some(({ message }) => why.test(message)),
        source,
      );
    }
    const missing = await outcome(await begin(serving("one"), { entrypoint: "no.ts" }));
    assert.equal(missing.status, "failed");
    assert.match((await linesOf(missing.id)).at(-1)!.message, /entry point.*No such file/);
    assert.deepEqual(await visit("my-app"), { status: 200, body: "one" });
    await until(() => snapshots().length === before.length);
    const failed = await fixture.get<Revision[]>("/api/v2/apps/my-app/revisions?status=failed");
    assert.equal(failed.length, 3);
  });

  test("a new revision takes over without a failed request, and the one before comes back", async () => {
    let over = false;
    const failures: unknown[] = [];
    const visitors = Array.from({ length: 3 }, async () => {
      while (!over) {
        const { status, body } = await visit("my-app");
        if (status !== 200) failures.push([status, body]);
      }
    });
    const two = await deploy(serving("two"), { preview: true });
    assert.equal(two.status, "succeeded");
    assert.deepEqual(await visit("my-app"), { status: 200, body: "two" });
    assert.equal((await visit(`rev-${two.id}`)).body, "two");
    assert.equal(JSON.parse((await visit(`rev-${two.id}`, "/env")).body).WHERE, "preview");
    const back = await send<Production>("POST", "/api/v1/apps/my-app/rollback", {});
    assert.deepEqual([back.previous, back.url], [two.id, `https://my-app.localhost:${fixture.server.port}`]);
    assert.deepEqual(await visit("my-app"), { status: 200, body: "one" });
    await send<Production>("POST", "/api/v1/apps/my-app/rollback", { revision: two.id });
    assert.deepEqual(await visit("my-app"), { status: 200, body: "two" });
    over = true;
    await Promise.all(visitors);
    assert.deepEqual(failures, []);
    assert.equal(await code("POST", "/api/v1/apps/my-app/rollback", { revision: "nobody" }), "409 CANNOT_ROLL_BACK");
    assert.equal(await code("DELETE", `/api/v2/revisions/${two.id}`), "409 REVISION_IN_USE");
  });

  test("a server that ends is replaced with the next request, and one that keeps ending after a while", async () => {
    const crashes = async () => (await eventsOf("instance.crashed")).length;
    const crash = async () => {
      const before = await crashes();
      const got = await visit("my-app", "/exit");
      await until(async () => (await crashes()) > before);
      return codeOf(got);
    };
    // Requests on a connection that was kept would be repeated.
    const idle = () => stopped(fixture.host.specs.at(-1)!.id);
    await idle();
    assert.equal(await crashes(), 0);
    assert.deepEqual(await crash(), [502, "DOOR_BAD_ANSWER"]);
    assert.deepEqual(await visit("my-app"), { status: 200, body: "two" });
    await idle();
    await crash();
    await crash();
    await until(async () => (await visit("my-app")).body === "two");
  });

  test("what an app prints is in its log", async () => {
    const { logs } = await fixture.get<{ logs: AppLog[] }>(
      "/api/v2/apps/my-app/logs?start=2020-01-01T00:00:00Z&query=hello",
    );
    assert.ok(logs.some(({ message, level }) => message === "hello from two" && level === "info"));
    const errors = await fixture.get<{ logs: AppLog[]; next_cursor: string }>(
      "/api/v2/apps/my-app/logs?start=2020-01-01T00:00:00Z&level=error&limit=1",
    );
    assert.equal(errors.logs.length, 1);
    assert.ok(errors.next_cursor);
  });

  test("a deployment can be cancelled, also while its server does not listen", async () => {
    const id = await begin("console.log('waiting'); setInterval(() => {}, 1000);");
    await until(async () => (await fixture.get<Revision>(`/api/v2/revisions/${id}`)).status === "building");
    await send("POST", `/api/v2/revisions/${id}/cancel`, {});
    const revision = await outcome(id);
    assert.deepEqual([revision.status, revision.failure_reason], ["failed", "cancelled"]);
    assert.ok(revision.cancellation_requested_at);
    assert.equal((await visit("my-app")).body, "two");
  });

  test("a restart keeps what is deployed, and old revisions go", async () => {
    sandbox.socket.close();
    await fixture.server.close();
    await fixture.start({ apps: { idleMs: 60_000, revisionsPerApp: 1 } });
    assert.equal((await visit("my-app")).body, "two");
    sandbox = await create(fixture);
    const three = await deploy(serving("three"));
    const four = await deploy(serving("four"));
    assert.deepEqual([three.status, four.status], ["succeeded", "succeeded"]);
    assert.equal((await visit("my-app")).body, "four");
    // What is in production, and what was before it.
    await until(
      async () => (await fixture.get<Revision[]>("/api/v2/apps/my-app/revisions?status=succeeded")).length === 2,
    );
    await until(() => snapshots().length === 2);
    const [snapshot] = await fixture.get<{ slug: string }[]>("/api/v2/snapshots");
    assert.equal(await code("DELETE", `/api/v2/snapshots/${snapshot!.slug}`), "409 SNAPSHOT_IN_USE");
  });

  test("an app that is deleted is gone, with its instances and disks", async () => {
    await send("DELETE", "/api/v2/apps/my-app");
    assert.deepEqual(codeOf(await visit("my-app")), [404, "DOOR_NOT_FOUND"]);
    await until(() => snapshots().length === 0 && fixture.host.machines.size === 1);
  });

  const eventsOf = async (kind: string) => await fixture.get<SandboxEvent[]>(`/api/v1/events?kind=${kind}`);
  const stopped = (id: string) => until(async () => !fixture.host.machines.has(id));
});

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Sdk } from "../harness/sdk.ts";
import { visit } from "../harness/visit.ts";

const SERVER = `
console.log("started");
Deno.serve((request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/files") return new Response([...Deno.readDirSync(".")].map(({ name }) => name).sort().join(" "));
  return new Response(Deno.env.get("GREETING") + " from " + Deno.readTextFileSync("/etc/made-by-root").trim());
});
`;

/** Apps and what is deployed to them. */
export default function apps(sdk: Sdk): void {
  const { ApiError, Client, Sandbox } = sdk.module;
  let client: InstanceType<typeof Client>;
  /** Both clients use one server at once. */
  const run = randomBytes(4).toString("hex");
  const slug = `my-app-${run}`;
  before(() => {
    client = new Client();
  });
  const codeOf = async (promise: Promise<unknown>): Promise<string> => {
    const error = await promise.then(
      () => assert.fail("it was not refused"),
      (error) => error,
    );
    assert.ok(error instanceof ApiError, String(error));
    return `${error.status} ${error.code}`;
  };

  test("apps and layers are created, found, changed, listed and deleted", async () => {
    const layer = await client.layers.create({
      slug: `shared-${run}`,
      description: "for all",
      env_vars: [{ key: "GREETING", value: "hello" }],
    });
    const app = await client.apps.create({ slug: `plain-${run}`, labels: { run }, layers: [layer.slug] });
    assert.deepEqual(app.layers, [{ id: layer.id, slug: layer.slug }]);
    assert.deepEqual(await client.apps.get(app.slug), app);
    const changed = await client.apps.update(app.id, {
      env_vars: [{ key: "KEY", value: "secret", secret: true }],
      config: { install: null, runtime: { type: "dynamic", entrypoint: "server.ts" } },
    });
    assert.deepEqual(
      changed.env_vars.map(({ key, value, secret }) => [key, value, secret]),
      [["KEY", undefined, true]],
    );
    assert.notEqual(changed.updated_at, app.updated_at);
    const listed = await client.apps.list({ labels: { run }, layer: layer.id });
    assert.deepEqual(
      listed.items.map(({ id }) => id),
      [app.id],
    );
    assert.equal((await client.layers.get(layer.slug))?.app_count, 1);
    assert.deepEqual((await client.layers.apps(layer.id)).items, [{ id: app.id, slug: app.slug, layer_position: 0 }]);
    assert.equal((await client.layers.list({ search: layer.slug })).items.length, 1);
    const renamed = await client.layers.update(layer.id, { slug: `renamed-${run}` });
    assert.equal(renamed.slug, `renamed-${run}`);
    assert.equal(await codeOf(client.layers.delete(layer.id)), "409 LAYER_IN_USE");
    assert.equal(await codeOf(client.apps.create({ slug: app.slug })), "409 SLUG_ALREADY_IN_USE");
    await client.apps.delete(app.slug);
    assert.equal(await client.apps.get(app.id), null);
    await client.layers.delete(layer.id);
    assert.equal(await client.layers.get(layer.id), null);
  });

  describe("a deployment", () => {
    let sandbox: Awaited<ReturnType<typeof Sandbox.create>>;
    before(async () => {
      sandbox = await Sandbox.create({ timeout: "10m" });
      await client.apps.create({ slug, env_vars: [{ key: "GREETING", value: "hello" }] });
    });
    after(async () => {
      await sandbox.kill();
      await client.apps.delete(slug);
      await sandbox.close();
    });

    test("goes from a sandbox to a visitor, with what root has changed there", async () => {
      await sandbox.fs.mkdir("site");
      await sandbox.fs.writeTextFile("site/server.ts", SERVER);
      await sandbox.sh`echo a sandbox | sudo tee /etc/made-by-root`;
      const build = await sandbox.deploy(slug, {
        path: "site",
        production: true,
        build: { mode: "none", entrypoint: "server.ts" },
      });
      const logs: string[] = [];
      for await (const { message } of build.logs()) logs.push(message);
      const revision = await build.done;
      assert.equal(revision.status, "succeeded", logs.join("\n"));
      assert.ok(logs.includes("Deployed."), logs.join("\n"));
      const [timeline] = await client.revisions.timelines(build.id);
      assert.deepEqual([timeline?.slug, timeline?.app.slug], ["production", slug]);
      const address = `https://${timeline!.domains[0]!.domain}`;
      assert.deepEqual(await visit(address), { status: 200, body: "hello from a sandbox" });
      assert.deepEqual(await visit(`${address}/files`), { status: 200, body: "server.ts" });
      for (const { items } of [
        await client.timelines.list(slug),
        { items: await client.revisions.timelines(build.id) },
      ])
        assert.deepEqual(
          items.map(({ domains }) => domains),
          [timeline!.domains],
        );
      assert.equal((await client.revisions.get(build.id))?.status, "succeeded");
      const routing: unknown[] = [];
      for await (const progress of client.revisions.progress(build.id))
        routing.push(progress.deploying.timelines[0]?.routing.status);
      assert.equal(routing.at(-1), "succeeded");
      const start = new Date(Date.now() - 3_600_000).toISOString();
      const printed = await client.apps.logs(slug, { start, revision_id: build.id });
      assert.ok(printed.items.some(({ message }) => message === "started"));
      assert.equal(await codeOf(client.revisions.delete(build.id)), "409 REVISION_IN_USE");
    });

    test("that fails says why, and what is live stays", async () => {
      await sandbox.fs.writeTextFile("main.ts", 'throw new Error("broken on purpose");');
      const build = await sandbox.deno.deploy(slug);
      const revision = await build.done;
      assert.deepEqual([revision.status, revision.failure_reason], ["failed", "error"]);
      const logs: string[] = [];
      for await (const { message } of client.revisions.buildLogs(build.id, { step: "deploying" })) logs.push(message);
      assert.ok(
        logs.some((line) => line.includes("broken on purpose")),
        logs.join("\n"),
      );
      const [timeline] = (await client.timelines.list(slug)).items;
      const { body } = await visit(`https://${timeline!.domains[0]!.domain}`);
      assert.equal(body, "hello from a sandbox");
      assert.equal((await client.revisions.list(slug, { status: "failed" })).items[0]?.id, build.id);
      // It has ended already, so nothing changes.
      assert.equal((await client.revisions.cancel(build.id)).failure_reason, "error");
      await client.revisions.delete(build.id);
      assert.equal((await client.revisions.list(slug)).items.length, 1);
    });
  });
}

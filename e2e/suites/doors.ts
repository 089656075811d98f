import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sdk } from "../harness/sdk.ts";
import { visit } from "../harness/visit.ts";

/** Addresses of servers in sandboxes. */
export default function doors(sdk: Sdk): void {
  const { Sandbox } = sdk.module;
  const code = `Deno.serve({ port: 8000 }, (request) => new Response("hi " + new URL(request.url).pathname))`;

  test("a port that is named at creation has a URL, which answers once something listens", async () => {
    const sandbox = await Sandbox.create({ port: 8000 });
    const { url } = sandbox;
    assert.ok(url);
    assert.equal((await visit(url)).status, 502);
    const server = await sandbox.deno.run({ code });
    await server.httpReady;
    assert.deepEqual(await visit(`${url}/there`), { status: 200, body: "hi /there" });
    await sandbox.kill();
    assert.equal((await visit(url)).status, 404);
  });

  test("ports and Deno processes are exposed, each with its own URL", async () => {
    await using sandbox = await Sandbox.create();
    const server = await sandbox.deno.run({ code });
    await server.httpReady;
    const urls = [await sandbox.exposeHttp({ port: 8000 }), await sandbox.exposeHttp({ pid: server.pid })];
    assert.notEqual(urls[0], urls[1]);
    for (const url of urls) {
      assert.match(url, /^https:\/\/[0-9a-z]{20}\.localhost:\d+$/);
      assert.deepEqual(await visit(`${url}/x`), { status: 200, body: "hi /x" });
    }
    await assert.rejects(() => sandbox.exposeHttp({ pid: 999_999 }));
  });

  if (!sdk.official)
    test("a link opens a terminal in a browser", async () => {
      await using sandbox = await Sandbox.create();
      const link = new URL(await sandbox.exposeTerminal());
      assert.match(link.hash, /^#[0-9a-z]{40}$/);
      const page = await fetch(link);
      assert.equal(page.status, 200);
      assert.match(await page.text(), /<main id="terminal"/);
    });

  test("a sandbox is opened to SSH, at creation or later, under another user name each time", async () => {
    await using sandbox = await Sandbox.create({ ssh: true });
    const { username, hostname } = sandbox.ssh!;
    const later = await sandbox.exposeSsh();
    assert.match(username, /^[0-9a-z]{20}$/);
    assert.deepEqual([later.hostname, later.username === username], [hostname, false]);
  });
}

/** What the web terminal's site serves, and to whom. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { buffer } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { WebSocket } from "ws";
import { TestTerminals } from "./testing/test-terminals.ts";

let server: TestTerminals;
before(async () => {
  server = await TestTerminals.start();
});
after(() => server[Symbol.asyncDispose]());

/** A request to this server under any name. */
async function ask(path: string, { method = "GET", headers = {} as Record<string, string> } = {}) {
  const [host, port] = server.host.split(":");
  const sent = request({ host, port, path, method, headers: { host: server.host, ...headers }, agent: false }).end();
  const [response] = await once(sent, "response");
  return { status: response.statusCode as number, headers: response.headers, body: await buffer(response) };
}

describe("the page", () => {
  test("loads only the server's own files, which browsers keep", async () => {
    const { status, headers, body } = await ask("/terminal/");
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "text/html; charset=utf-8");
    assert.equal(headers["cache-control"], "no-cache");
    assert.match(
      String(headers["content-security-policy"]),
      /script-src 'self';.* connect-src 'self';.*frame-ancestors 'none'/,
    );
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["x-content-type-options"], "nosniff");
    const html = body.toString();
    assert.doesNotMatch(html, /<script>|\son\w+=|https?:/);
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => `/terminal/${file}`);
    assert.ok(files.length >= 5);
    for (const file of files) {
      const found = await ask(file);
      assert.equal(found.status, 200, file);
      assert.match(String(found.headers["cache-control"]), /immutable/);
      const type = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
      assert.equal(found.headers["content-type"], type[file.split(".").at(-1) as keyof typeof type]);
    }
  });

  test("has every module that its modules import", async () => {
    const html = (await ask("/terminal/")).body.toString();
    const seen = new Set<string>();
    const look = async (path: string) => {
      if (seen.has(path)) return;
      seen.add(path);
      const { status, body } = await ask(path);
      assert.equal(status, 200, path);
      for (const [, name] of body.toString().matchAll(/^import .* from "(\.\/[^"]+)";$/gm))
        await look(new URL(name!, `http://x${path}`).pathname);
    };
    await look(`/terminal/${/src="([^"]+main\.js)"/.exec(html)![1]}`);
    assert.ok(seen.size >= 8, [...seen].join());
  });

  test("is compressed for browsers that want that", async () => {
    const [plain, zipped] = await Promise.all([
      ask("/terminal/"),
      ask("/terminal/", { headers: { "accept-encoding": "gzip, br" } }),
    ]);
    assert.equal(zipped.headers["content-encoding"], "gzip");
    assert.ok(gunzipSync(zipped.body).equals(plain.body));
  });

  test("is found without its last slash; nothing else is", async () => {
    const { status, headers } = await ask("/terminal");
    assert.deepEqual([status, headers.location], [308, "/terminal/"]);
    assert.equal((await ask("/terminal/", { method: "HEAD" })).status, 200);
    assert.equal((await ask("/terminal/", { method: "POST" })).status, 405);
    assert.equal((await ask("/terminal/socket")).status, 426);
    for (const path of ["/terminal/x", "/terminal/../package.json", "/terminal/main.js", "/terminal/%2e%2e/site.ts"])
      assert.equal((await ask(path)).status, 404, path);
  });

  test("is for the server's own names only, so that no other name can be made to lead to it", async () => {
    const { status, body } = await ask("/terminal/", { headers: { host: "rebound.example" } });
    assert.equal(status, 421);
    assert.equal((JSON.parse(body.toString()) as { code: string }).code, "MISDIRECTED_REQUEST");
  });
});

describe("the WebSocket", () => {
  const handshake = async (options: { origin?: string; host?: string; path?: string }) => {
    const { origin, host = server.host, path = "/terminal/socket" } = options;
    const socket = new WebSocket(`ws://${server.host}${path}`, { headers: { host }, ...(origin && { origin }) });
    const opened = once(socket, "open").then(() => 101);
    const refused = once(socket, "unexpected-response").then(([, response]) => response.statusCode as number);
    socket.on("error", () => {});
    for (const each of [opened, refused]) each.catch(() => {});
    const status = await Promise.race([opened, refused]);
    socket.terminate();
    return status;
  };

  test("is for the page alone, wherever that is", async () => {
    assert.equal(await handshake({ origin: `http://${server.host}` }), 101);
    assert.equal(await handshake({ origin: `https://${server.host}` }), 101);
    assert.equal(await handshake({ origin: "https://sandkeep.example" }), 101);
  });

  test("is for no other page, program or name", async () => {
    for (const origin of [
      undefined,
      "null",
      "https://x.localhost:7777",
      "http://127.0.0.1:1",
      "file://",
      "not an origin",
    ])
      assert.equal(await handshake({ ...(origin !== undefined && { origin }) }), 403, origin);
    assert.equal(await handshake({ origin: "http://rebound.example", host: "rebound.example" }), 421);
    assert.equal(await handshake({ origin: `http://${server.host}`, path: "/terminal/other" }), 404);
  });

  test("is not for a page without TLS if the server has TLS: another server may be at that port", async () => {
    server.isEncrypted = true;
    assert.equal(await handshake({ origin: `http://${server.host}` }), 403);
    assert.equal(await handshake({ origin: `https://${server.host}` }), 101);
    server.isEncrypted = false;
  });
});

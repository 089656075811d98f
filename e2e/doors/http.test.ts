/** HTTP doors with curl, WebSockets, the command line and the official Python client, in front of a real machine. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Sandbox } from "sandkeep";
import { type ClientOptions, WebSocket } from "ws";
import { cached } from "../compat/packages/cache.ts";
import { TestServer } from "../harness/server.ts";
import { visit } from "../harness/visit.ts";
import { APP } from "./app.ts";

const SANDKEEP = fileURLToPath(new URL("../../sandkeep", import.meta.url));
const CLIENT = "deno-sandbox==0.16.0";
const MiB = 1024 * 1024;
/** For a test of this file, milliseconds: machines are emulated. */
const TIMEOUT_MS = 120_000;
const run = promisify(execFile);

describe("HTTP doors", { timeout: 5 * TIMEOUT_MS }, () => {
  let server: TestServer;
  let sandbox: Sandbox;
  let url: string;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "sandkeep-doors-"));
    server = await TestServer.start();
    sandbox = await Sandbox.create({ ...server.ready, timeout: "10m" });
    const app = await sandbox.deno.run({ code: APP });
    await app.httpReady;
    url = await sandbox.exposeHttp({ port: 8000 });
  });
  after(async () => {
    await sandbox?.kill().catch(() => {});
    await server?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  /** curl takes every name under `localhost` for this computer, and trusts the local CA. */
  const curl = async (...args: string[]) =>
    (await run("curl", ["-sS", "--cacert", server.ready.doorsCaFile!, "--max-time", "60", ...args])).stdout;

  test("curl gets answers over HTTP/1.1 and HTTP/2", async () => {
    for (const version of ["--http1.1", "--http2"]) {
      const seen = JSON.parse(await curl(version, `${url}/x?y=1`)) as { url: string; headers: Record<string, string> };
      const { host } = new URL(url);
      assert.equal(seen.url, `http://${host}/x?y=1`);
      assert.equal(seen.headers["x-forwarded-host"], host);
      assert.equal(seen.headers["x-forwarded-proto"], "https");
      const used = await curl(version, "-o", "/dev/null", "-w", "%{http_version}", url);
      assert.equal(used, version === "--http2" ? "2" : "1.1");
    }
  });

  test("large bodies pass in both directions, and events as they come", { timeout: TIMEOUT_MS }, async () => {
    const file = join(dir, "large");
    await writeFile(file, Buffer.alloc(32 * MiB, 1));
    for (const version of ["--http1.1", "--http2"]) {
      assert.equal(await curl(version, "-T", file, `${url}/count`), String(32 * MiB));
      const got = join(dir, "got");
      await curl(version, "-o", got, `${url}/large`);
      assert.equal((await stat(got)).size, 32 * MiB);
    }
    assert.equal(await curl("-N", `${url}/events`), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  });

  /** A WebSocket to a door. */
  async function webSocket(address: string): Promise<WebSocket> {
    const { hostname: servername, host, port } = new URL(address);
    const target = address.replace(/^https/, "wss").replace(host, `127.0.0.1:${port}`);
    // Its typings lack the name in the TLS handshake.
    const options: ClientOptions & { servername: string } = {
      servername,
      headers: { host },
      ca: await readFile(server.ready.doorsCaFile!),
    };
    const socket = new WebSocket(target, options);
    await once(socket, "open");
    return socket;
  }

  test("fifty WebSockets at once echo, and close with the sandbox's door", { timeout: TIMEOUT_MS }, async () => {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => webSocket(`${url}/socket`)));
    const answers = sockets.map((socket, at) => {
      const answer = once(socket, "message");
      socket.send(String(at));
      return answer;
    });
    assert.deepEqual(
      (await Promise.all(answers)).map(([data]) => String(data)),
      sockets.map((_, at) => `echo ${at}`),
    );
    for (const socket of sockets) socket.terminate();
  });

  /** What a command line prints. */
  const sandkeep = async (...words: string[]) =>
    (await run(SANDKEEP, words, { env: { ...process.env, ...server.env } })).stdout.trim();

  test("`sandkeep doors` shows doors, replaces and revokes their tokens, and closes them", async () => {
    const first = await sandkeep("expose", sandbox.id, "8000", "--name", "till");
    assert.match(
      await sandkeep("doors", "list", sandbox.id),
      /^till\.localhost:\d+ .* port 8000 +with a token, until/m,
    );
    const second = await sandkeep("doors", "token", "till", "--expires", "1h");
    assert.deepEqual([(await visit(first)).status, (await visit(second)).status], [401, 200]);
    await sandkeep("doors", "revoke", second);
    assert.equal((await visit(second)).status, 401);
    await sandkeep("doors", "close", second);
    assert.equal((await visit(second)).status, 404);
  });

  test("`sandkeep expose` makes a private address, which works with nothing but its URL", async () => {
    const address = await sandkeep("expose", sandbox.id, "8000");
    assert.match(address, /^https:\/\/[0-9a-z]{20}\.localhost:\d+\/\?sandkeep-token=[0-9a-z]{32}$/);
    const bare = address.replace(/\/\?.*/, "");
    assert.equal((await visit(bare)).status, 401);
    const seen = await visit(address);
    assert.equal(seen.status, 200);
    assert.ok(!seen.body.includes(new URL(address).search.slice(-32)), "the server sees the token");
    const socket = await webSocket(address);
    socket.send("x");
    assert.equal(String((await once(socket, "message"))[0]), "echo x");
    socket.terminate();
    // A browser keeps the token in a cookie, and follows the redirect.
    const jar = join(dir, "cookies");
    const followed = await curl(
      "-L",
      "-c",
      jar,
      "-b",
      jar,
      "-H",
      "accept: text/html",
      "-w",
      " %{url_effective}",
      address,
    );
    assert.ok(followed.endsWith(` ${bare}/`), followed);
  });

  test("a door leads to its sandbox only: not to the host, the API or another sandbox", {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using other = await Sandbox.create(server.ready);
    const { port } = new URL(server.ready.apiEndpoint);
    // The API listens on this port of the host's loopback; nothing does in the sandbox.
    const door = await other.exposeHttp({ port: Number(port) });
    assert.equal((await visit(door)).status, 502);
    // The app listens on this port of the other sandbox.
    assert.equal((await visit(await other.exposeHttp({ port: 8000 }))).status, 502);
  });

  test("the official Python client exposes a port", { timeout: TIMEOUT_MS }, async () => {
    const { stdout: version } = await run("python3", ["--version"]);
    const packages = await cached("python-client", { CLIENT, version }, async (dir) => {
      await run("python3", ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", dir, CLIENT]);
    });
    const { stdout } = await run("python3", [join(import.meta.dirname, "expose.py")], {
      env: { ...process.env, ...server.env, PYTHONPATH: packages },
    });
    // The sandbox has ended with the program.
    assert.equal((await visit(stdout.trim())).status, 404);
  });
});

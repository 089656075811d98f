/** Web terminals from the API to a page's WebSocket, with a real agent behind them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import type { TerminalLink } from "@sandkeep/protocol";
import { WebSocket } from "ws";
import { create, type TestClient } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { events, pause } from "../../testing/forks.ts";
import { visit } from "../testing/visit.ts";

let fixture: Fixture;
before(async () => {
  fixture = await Fixture.start({ hostnames: ["sandkeep.test"] });
});
after(() => fixture[Symbol.asyncDispose]());

const ask = (id: string, token?: string, headers: Record<string, string> = {}) =>
  fixture.request("POST", `/api/v1/sandboxes/${id}/terminal`, { headers, ...(token !== undefined && { token }) });

async function linkTo(id: string, token?: string): Promise<TerminalLink> {
  const response = await ask(id, token);
  assert.equal(response.status, 201);
  return (await response.json()) as TerminalLink;
}

/** A page that uses a link. */
class Page {
  readonly #socket: WebSocket;
  readonly closed: Promise<[code: number, reason: string]>;
  output = "";

  constructor(link: string) {
    const { host, origin, hash } = new URL(link);
    this.#socket = new WebSocket(`ws://${host}/terminal/socket`, { origin });
    this.#socket.on("error", () => {});
    this.#socket.once("open", () =>
      this.#socket.send(JSON.stringify({ type: "open", token: hash.slice(1), cols: 80, rows: 24 })),
    );
    this.#socket.on("message", (data, isBinary) => {
      if (isBinary) this.output += String(data);
    });
    this.closed = once(this.#socket, "close").then(([code, reason]) => [code as number, String(reason)]);
  }

  type(text: string): void {
    this.#socket.send(Buffer.from(text));
  }

  async shows(text: RegExp): Promise<void> {
    while (!text.test(this.output)) await once(this.#socket, "message");
  }
}

/** A sandbox with an open terminal. */
async function opened(token?: string): Promise<{ client: TestClient; page: Page }> {
  const client = await create(fixture, { timeout: "5m" }, token === undefined ? {} : { token });
  const page = new Page((await linkTo(client.id, token)).url);
  await page.shows(/[#$] $/);
  return { client, page };
}

describe("a link to a web terminal", () => {
  test("opens the user's login shell, once, and expires in a minute", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const { url, expiresAt } = await linkTo(client.id);
    assert.match(url, new RegExp(`^${fixture.origin}/terminal/#[0-9a-z]{40}$`));
    const left = Date.parse(expiresAt) - Date.now();
    assert.ok(left > 30_000 && left <= 60_000, String(left));
    const page = new Page(url);
    await page.shows(/[#$] $/);
    page.type("shopt -q login_shell && echo $TERM $COLORTERM ${SSH_CONNECTION-none}; exit 4\r");
    await page.shows(/xterm-256color truecolor none\r\n/);
    assert.deepEqual(await page.closed, [1000, "The shell has ended."]);
    assert.equal((await new Page(url).closed)[0], 4001);
    const [first, second] = await events(fixture, 2, "terminal.opened", "terminal.closed");
    assert.deepEqual([first!.sandbox, first!.actor], [client.id, { kind: "visitor", remote: "127.0.0.1" }]);
    const { terminal } = first!.data as { terminal: string };
    assert.ok(second!.kind === "terminal.closed");
    const { durationMs, ...data } = second!.data;
    assert.ok(durationMs > 0);
    assert.deepEqual(data, { terminal, remote: "127.0.0.1", exitCode: 4, signal: null, reason: null });
  });

  test("is for the name under which the server was asked for it, if that is its own", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const { port } = fixture.server;
    for (const [host, expected] of [
      [`localhost:${port}`, `localhost:${port}`],
      [`SANDKEEP.test.:1`, "SANDKEEP.test.:1"],
      ["[::1]:7777", "[::1]:7777"],
      ["192.0.2.7", "192.0.2.7"],
      ["elsewhere.example", `127.0.0.1:${port}`],
    ] as const) {
      const { status, body } = await visitApi(host, client.id);
      assert.equal(status, 201, body);
      assert.ok((JSON.parse(body) as TerminalLink).url.startsWith(`http://${expected}/terminal/#`), body);
    }
  });

  test("needs a token that may run things, and a sandbox of its organisation that runs", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const reader = await fixture.token({ scope: "read" });
    const stranger = await fixture.token({ organisation: "strangers" });
    assert.equal((await ask(client.id, reader.token)).status, 403);
    assert.equal((await ask(client.id, stranger.token)).status, 404);
    const { url } = await linkTo(client.id);
    assert.equal((await pause(fixture, client.id)).status, 200);
    assert.equal((await ask(client.id)).status, 409);
    const [code, reason] = await new Page(url).closed;
    assert.equal(code, 4011);
    assert.match(reason, /paused/);
  });

  test("ends with the token that made it, also unused", async () => {
    const { id, token } = await fixture.token();
    const { client, page } = await opened(token);
    const { url } = await linkTo(client.id, token);
    assert.equal((await fixture.request("DELETE", `/api/v1/tokens/${id}`)).status, 204);
    assert.deepEqual(await page.closed, [4005, "The access token was revoked."]);
    const [code, reason] = await new Page(url).closed;
    assert.equal(code, 4011);
    assert.match(reason, /revoked/);
  });
});

describe("a web terminal", () => {
  test("closes with its sandbox, at once", async () => {
    const { client, page } = await opened();
    await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`);
    assert.deepEqual(await page.closed, [4003, "The sandbox has ended."]);
  });

  test("closes when its sandbox is paused", async () => {
    const { client, page } = await opened();
    assert.equal((await pause(fixture, client.id)).status, 200);
    assert.deepEqual(await page.closed, [4004, "The sandbox has been paused."]);
  });

  test("is on none of the names of doors", async () => {
    const client = await create(fixture, { timeout: "5m" });
    const response = await fixture.request("POST", `/api/v3/sandbox/${client.id}/expose/http`, { body: { port: 1 } });
    const { domain } = (await response.json()) as { domain: string };
    assert.equal((await visit(fixture, domain, "/terminal/")).status, 502);
    assert.equal((await visit(fixture, domain.replace(/^[^.]+/, "unknown"), "/terminal/")).status, 404);
  });

  test("closes when the server stops", async () => {
    await using other = await Fixture.start();
    const client = await create(other, { timeout: "5m" });
    const response = await other.request("POST", `/api/v1/sandboxes/${client.id}/terminal`);
    const page = new Page(((await response.json()) as TerminalLink).url);
    await page.shows(/[#$] $/);
    await other.server.close();
    assert.equal((await page.closed)[0], 1012);
  });
});

/** Asks for a link under another name. */
async function visitApi(host: string, id: string): Promise<{ status: number; body: string }> {
  const sent = request({
    host: "127.0.0.1",
    port: fixture.server.port,
    method: "POST",
    path: `/api/v1/sandboxes/${id}/terminal`,
    headers: { host, authorization: `Bearer ${fixture.server.token}` },
    agent: false,
  }).end();
  const [response] = await once(sent, "response");
  return { status: response.statusCode as number, body: await text(response) };
}

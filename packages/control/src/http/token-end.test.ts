import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import type { Token } from "@sandkeep/protocol";
import { endlessDeployment } from "../apps/testing/deploy.ts";
import { create, join, Refused } from "../testing/client.ts";
import { http } from "../testing/egress-events.ts";
import { Fixture } from "../testing/fixture.ts";
import { ACCESS } from "./scopes.ts";

/** A GET that is not read yet: its bytes, once the connection is closed. */
async function unread(fixture: Fixture, path: string, token: string): Promise<{ rest(): Promise<string> }> {
  const socket = connect(fixture.server.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`);
  const first = await new Promise<Buffer>((resolve, reject) => {
    socket.once("data", resolve);
    // The token may end before there is an answer.
    socket.once("close", () => reject(new Error("closed: 403 TOKEN_EXPIRED, it seems")));
  });
  const closed = once(socket, "close");
  socket.pause();
  return {
    async rest() {
      let text = first.toString("latin1");
      socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
      socket.resume();
      await closed;
      return text;
    },
  };
}

describe("what a token has open ends with it", async () => {
  /** Opens everything that a token can have open. */
  async function openAll(fixture: Fixture, sandbox: string, revision: string, token: string) {
    const log = `/api/v1/sandboxes/${sandbox}/egress/log`;
    const stream = "/api/v1/events/stream";
    const file = "/api/v1/snapshots/large/export";
    const deployment = ["progress", "build_logs"].map((what) => `/api/v2/revisions/${revision}/${what}`);
    // For imports, see transfer.test.ts.
    const long = Object.keys(ACCESS).filter((route) => ACCESS[route]?.long && route.startsWith("GET "));
    assert.equal(long.length, [log, stream, file, ...deployment].length);
    const answers = await Promise.all(
      [log, stream, file, ...deployment, `${log}?format=har`, `${stream}?after=evt_0`].map((path) =>
        unread(fixture, path, token),
      ),
    );
    const clients = [await create(fixture, {}, { token }), await join(fixture, sandbox, { token })];
    return { answers, clients };
  }

  async function allEnds(
    fixture: Fixture,
    { answers, clients }: Awaited<ReturnType<typeof openAll>>,
    why: string,
  ): Promise<void> {
    for (const client of clients) assert.deepEqual(await client.closed, { code: 1008, reason: why });
    // Later events are not reported any more.
    const late = (await fixture.token({ name: "late" })).id;
    for (const answer of answers) {
      const text = await answer.rest();
      assert.match(text, /^HTTP\/1\.1 200 /);
      assert.ok(!text.includes(late));
      assert.ok(!text.endsWith("0\r\n\r\n"), "it looks as if it were whole");
    }
  }

  /** A sandbox with more events than the buffers of a connection hold, so that an export does not finish on its own. */
  async function busySandbox(fixture: Fixture): Promise<string> {
    const { id } = await create(fixture, { timeout: "5m" });
    await fixture.request("POST", `/api/v1/sandboxes/${id}/snapshot`, { body: { slug: "large" } });
    fixture.host.storage.content = randomBytes(30_000_000);
    // As long as an event gets: about 6 kB, 30 MB in all.
    const long = "/".padEnd(1_000, "x");
    const event = {
      ...http,
      method: long,
      path: long,
      host: long,
      reason: long,
      query: Array(32).fill(long.slice(0, 60)),
    };
    await Promise.all(Array.from({ length: 5_000 }, () => fixture.host.emitEgress(id, event)));
    return id;
  }

  test("when it is revoked: answers that go on, and connections", async () => {
    await using fixture = await Fixture.start();
    const sandbox = await busySandbox(fixture);
    using deployment = await endlessDeployment(fixture, sandbox);
    const made = await fixture.token();
    const open = await openAll(fixture, sandbox, deployment.id, made.token);
    assert.equal((await fixture.request("DELETE", `/api/v1/tokens/${made.id}`)).status, 204);
    await allEnds(fixture, open, "The access token was revoked.");
  });

  test("when it expires: answers that go on, and connections", async () => {
    await using fixture = await Fixture.start();
    const sandbox = await busySandbox(fixture);
    using deployment = await endlessDeployment(fixture, sandbox);
    // On a busy computer, opening everything may take longer than the token lives.
    for (let expiresInMs = 1_500; ; expiresInMs *= 2) {
      const { token } = await fixture.token({ expiresInMs });
      const open = await openAll(fixture, sandbox, deployment.id, token).catch((error: Error) => error);
      if (open instanceof Error) {
        assert.ok(expiresInMs < 60_000 && /TOKEN_EXPIRED|403/.test(String(open)), String(open));
        continue;
      }
      return await allEnds(fixture, open, "The access token has expired.");
    }
  });

  test("a short answer is whole, and none but the long ones in the table stays open", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture, { timeout: "5m" });
    for (const [route, { long }] of Object.entries(ACCESS)) {
      if (long || !route.startsWith("GET ")) continue;
      const response = await fixture.request(
        "GET",
        route
          .slice(4)
          .replace(":id", id)
          .replace(/:procedures.*/, "orgs.list"),
      );
      // Never ends for a route that is missing in the table.
      await response.text();
    }
  });

  test("a body that comes slowly does not outlive its token", async () => {
    await using fixture = await Fixture.start();
    const made = await fixture.token();
    const socket = connect(fixture.server.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString()));
    const body = JSON.stringify({ name: "after-the-end" });
    socket.write(
      `POST /api/v1/tokens HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${made.token}\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    // By then the token has been checked.
    await once(socket, "data");
    assert.match(answer, /^HTTP\/1\.1 100 /);
    assert.equal((await fixture.request("DELETE", `/api/v1/tokens/${made.id}`)).status, 204);
    socket.write(body);
    await once(socket, "close");
    assert.match(answer, /HTTP\/1\.1 401 /);
    assert.ok(!(await fixture.get<Token[]>("/api/v1/tokens")).some(({ name }) => name === "after-the-end"));
  });

  test("a sandbox that is being made is given up", async () => {
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    await using fixture = await Fixture.start({}, { gate: () => (asked.resolve(), gate.promise) });
    const made = await fixture.token();
    const refused = create(fixture, { timeout: "5m" }, { token: made.token }).then(
      () => assert.fail("was not refused"),
      (error: unknown) => error,
    );
    await asked.promise;
    await fixture.request("DELETE", `/api/v1/tokens/${made.id}`);
    gate.resolve();
    const error = await refused;
    assert.ok(error instanceof Refused && error.status === 401 && error.body.code === "INVALID_TOKEN", String(error));
    const running = await fixture.get<unknown[]>("/api/v1/sandboxes?status=running");
    assert.deepEqual(running, []);
  });
});

/** How deployments end before they are done, with the real agent and the real Deno, on processes instead of machines. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Revision } from "@sandkeep/protocol";
import { codeOf, visit as visitDoor } from "../../doors/testing/visit.ts";
import { create, type TestClient } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { addDenoToPath, beginDeployment, outcomeOf, until } from "../testing/deploy.ts";

addDenoToPath();

const SERVING = "Deno.serve({ port: 0 }, () => new Response('here'));";

describe("a deployment", { timeout: 120_000 }, async () => {
  let fixture: Fixture;
  let sandbox: TestClient;
  /** Lets snapshots, which wait, go on. */
  let goOn: () => void;
  beforeEach(async () => {
    fixture = await Fixture.start();
    sandbox = await create(fixture, { timeout: "5m" });
    await send("POST", "/api/v2/apps", { slug: "my-app" });
    goOn = () => {};
  });
  afterEach(async () => {
    goOn();
    sandbox.socket.close();
    await fixture[Symbol.asyncDispose]();
  });

  const send = async (method: string, path: string, body?: unknown) => {
    const response = await fixture.request(method, path, { body });
    assert.ok(response.ok, `${method} ${path}: ${await response.text()}`);
  };
  const begin = (source: string) => beginDeployment(fixture, sandbox.id, "my-app", source);
  const outcome = async (id: string) => {
    const { status, failure_reason } = await outcomeOf(fixture, id);
    return [status, failure_reason];
  };
  const statusOf = async (id: string) => (await fixture.get<Revision>(`/api/v2/revisions/${id}`)).status;
  const linesOf = async (id: string) =>
    await (await fixture.request("GET", `/api/v2/revisions/${id}/build_logs`)).text();
  const snapshots = () => fixture.host.storage.ids.filter((id) => id.startsWith("snp_"));
  /** A deployment whose snapshot is being taken. */
  const atSnapshot = async (): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    goOn = resolve;
    fixture.host.storage.gate = async (step) => {
      if (step !== "snapshotVolume") return;
      reached.resolve();
      await promise;
    };
    const id = await begin(SERVING);
    await reached.promise;
    return id;
  };

  test("that waits for another one ends at once when it is cancelled", async () => {
    const first = await atSnapshot();
    const second = await begin(SERVING);
    await send("POST", `/api/v2/revisions/${second}/cancel`, {});
    assert.deepEqual(await outcome(second), ["failed", "cancelled"]);
    assert.equal(await statusOf(first), "building");
    goOn();
    assert.deepEqual(await outcome(first), ["succeeded", null]);
    assert.deepEqual(await outcome(second), ["failed", "cancelled"]);
  });

  test("does not keep an app that is deleted at its address, and leaves no disk", async () => {
    assert.deepEqual(await outcome(await begin(SERVING)), ["succeeded", null]);
    const visit = () => visitDoor(fixture, `my-app.localhost:${fixture.server.port}`);
    assert.equal((await visit()).body, "here");
    await atSnapshot();
    const deleted = send("DELETE", "/api/v2/apps/my-app");
    await until(async () => (await fixture.request("GET", "/api/v2/apps/my-app")).status === 404);
    assert.deepEqual(codeOf(await visit()), [404, "DOOR_NOT_FOUND"]);
    await send("POST", "/api/v2/apps", { slug: "my-app" });
    await until(() => fixture.host.machines.size === 1);
    goOn();
    await deleted;
    await until(() => snapshots().length === 0);
  });

  test("fails if less is allowed when the disk is taken, and leaves no disk", async () => {
    const id = await atSnapshot();
    await send("PATCH", `/api/v1/sandboxes/${sandbox.id}/egress`, { deny: ["example.com"] });
    goOn();
    assert.deepEqual(await outcome(id), ["failed", "error"]);
    assert.match(await linesOf(id), /may reach was changed meanwhile/);
    await until(() => snapshots().length === 0);
  });

  test("that the server's end interrupts was not cancelled", async () => {
    const id = await begin("console.log('waiting'); setInterval(() => {}, 1000);");
    await until(async () => fixture.host.machines.size === 2);
    await fixture.server.close({ leaveRunning: true });
    await fixture.start();
    assert.deepEqual(await outcome(id), ["failed", "error"]);
    assert.match(await linesOf(id), /shutting down/);
    await until(() => snapshots().length === 0);
  });

  test("that takes too long has timed out", async () => {
    await fixture.server.close({ leaveRunning: true });
    await fixture.start({ apps: { deployTimeoutMs: 2_000 } });
    const id = await begin("setInterval(() => {}, 1000);");
    assert.deepEqual(await outcome(id), ["failed", "timed_out"]);
    await until(() => fixture.host.machines.size === 1);
  });
});

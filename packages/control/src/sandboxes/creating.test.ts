import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PreconditionError } from "@sandkeep/host";
import type { SandboxEvent, SandboxMetadata } from "@sandkeep/protocol";
import { type ConnectOptions, create, type Refused, refusal } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { stopped } from "../testing/stopped.ts";

describe("creating", async () => {
  test("200 at once: as many as allowed, a clear error for the rest, and the server goes on", async () => {
    await using fixture = await Fixture.start({ limits: { sandboxesPerOrganisation: 12 } });
    const results = await Promise.allSettled(Array.from({ length: 200 }, () => create(fixture)));
    const made = results.flatMap((r) => (r.status === "fulfilled" ? [r.value] : []));
    const refused = results.flatMap((r) => (r.status === "rejected" ? [r.reason as Refused] : []));
    assert.equal(made.length, 12);
    for (const { status, body, headers } of refused) {
      assert.equal(status, 429);
      assert.equal(body.code, "CONCURRENCY_LIMIT");
      assert.match(body.message, /12/);
      assert.ok(headers["x-deno-trace-id"]);
    }
    made[0]!.socket.close();
    await stopped(fixture, made[0]!.id);
    const again = await create(fixture);
    assert.deepEqual(await again.call("envSet", { key: "A", value: "1" }), { ok: null });
  });

  test("says so when the host has no room, and leaves no record", async () => {
    await using fixture = await Fixture.start({}, { capacity: 1 });
    await create(fixture);
    const refused = await refusal(create(fixture));
    assert.equal(refused.status, 503);
    assert.equal(refused.body.code, "NO_CAPACITY");
    assert.match(refused.body.message, /holds 1 machine/);
    assert.equal((await fixture.get<SandboxMetadata[]>("/api/v2/sandboxes")).length, 1);
  });

  test("is given up when the client leaves before it is ready", async () => {
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    await using fixture = await Fixture.start({}, { gate: () => (asked.resolve(), gate.promise) });
    const leaving = new AbortController();
    const options: ConnectOptions = {
      ws: {
        finishRequest: (request) => (
          leaving.signal.addEventListener("abort", () => request.destroy()), void request.end()
        ),
      },
    };
    const attempt = create(fixture, {}, options).catch(() => "left");
    await asked.promise;
    leaving.abort();
    assert.equal(await attempt, "left");
    gate.resolve();
    const { data, outcome } = await failedCreation(fixture);
    assert.equal(outcome, "failed");
    assert.equal(data.error, "REQUEST_ABORTED");
    assert.equal(fixture.host.machines.size, 0);
    assert.deepEqual(await fixture.get("/api/v2/sandboxes"), []);
  });

  test("says what the computer lacks, and how to repair it", async () => {
    const failed = [
      {
        name: "jail",
        verdict: "fail" as const,
        detail: "cannot be created: bwrap: No permissions",
        repair: "allow namespaces",
      },
    ];
    await using fixture = await Fixture.start(
      {},
      { gate: () => Promise.reject(new PreconditionError("This computer cannot run machines", failed)) },
    );
    const refused = await refusal(create(fixture));
    assert.equal(refused.status, 503);
    assert.deepEqual(refused.body, {
      code: "HOST_NOT_READY",
      message:
        "This computer cannot run machines: jail cannot be created: bwrap: No permissions. To fix it: allow namespaces. Run `sandkeep doctor` on that computer for details.",
    });
  });

  test("is given up when the host takes too long", async () => {
    await using fixture = await Fixture.start(
      { limits: { createTimeoutMs: 200 } },
      { gate: () => new Promise((resolve) => setTimeout(resolve, 400)) },
    );
    const refused = await refusal(create(fixture));
    assert.equal(refused.body.code, "NO_CAPACITY");
    assert.match(refused.body.message, /not ready within 0\.2 s/);
    assert.equal(fixture.host.machines.size, 0);
  });
});

async function failedCreation(fixture: Fixture): Promise<SandboxEvent & { kind: "sandbox.created" }> {
  for (;;) {
    const [event] = await fixture.get<(SandboxEvent & { kind: "sandbox.created" })[]>(
      "/api/v1/events?kind=sandbox.created",
    );
    if (event) return event;
  }
}

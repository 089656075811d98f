/** What a start makes of what a server left that was killed: its records are put back to what they were at some moment. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import type { Revision } from "@sandkeep/protocol";
import { create } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { addDenoToPath, beginDeployment, outcomeOf, until } from "../testing/deploy.ts";

addDenoToPath();

describe("a server that was killed", { timeout: 120_000 }, () => {
  const DEPLOYED = "UPDATE revisions SET status = 'building', build_finished_at = NULL";
  for (const [when, then, outcome] of [
    ["before it knew of a revision's disk", [`${DEPLOYED}, disk = NULL`, "DELETE FROM timelines"], "error"],
    ["while a revision's server started", [DEPLOYED, "DELETE FROM timelines"], "error"],
    [
      "after somebody had cancelled a deployment",
      [`${DEPLOYED}, cancellation_requested_at = 1`, "DELETE FROM timelines"],
      "cancelled",
    ],
    [
      "before it removed the disks of a deleted app",
      ["UPDATE revisions SET deleted_at = 1", "DELETE FROM timelines", "DELETE FROM apps"],
      null,
    ],
  ] as const)
    test(`${when} leaves no disk`, async () => {
      await using fixture = await Fixture.start();
      const sandbox = await create(fixture);
      await fixture.request("POST", "/api/v2/apps", { body: { slug: "my-app" } });
      const serving = "Deno.serve({ port: 0 }, () => new Response());";
      const { id, status } = await outcomeOf(fixture, await beginDeployment(fixture, sandbox.id, "my-app", serving));
      assert.equal(status, "succeeded");
      sandbox.socket.close();
      await fixture.server.close();
      assert.equal(fixture.host.storage.ids.length, 1);
      const database = new DatabaseSync(join(fixture.dir, "data", "sandkeep.db"));
      for (const statement of then) database.exec(statement);
      database.close();
      await fixture.start();
      await until(() => fixture.host.storage.ids.length === 0);
      if (outcome === null) return;
      const failed = await fixture.get<Revision>(`/api/v2/revisions/${id}`);
      assert.deepEqual([failed.status, failed.failure_reason], ["failed", outcome]);
    });
});

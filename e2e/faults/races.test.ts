/**
 * Clients that want different things of one volume at once, on real machines. More rounds with `SANDKEEP_RACE_ROUNDS`; the same
 * without machines, hundreds of times: `packages/control/src/storage/races.test.ts`.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "@sandkeep/egress/testing";
import type { Sandbox } from "sandkeep";
import { atOnce, type Wish } from "../harness/at-once.ts";
import { Stack } from "./crash/stack.ts";

const ROUNDS = Number(process.env.SANDKEEP_RACE_ROUNDS || 20);
const SEED = 9;
/** Longest time for a round on a busy computer, in milliseconds. */
const ROUND_MS = 20_000;
/** How many things are wanted at once. */
const WISHES = 4;
/** Answers to a wish that others prevent. */
const REFUSALS = new Set([
  "VOLUME_IN_USE",
  "VOLUME_NOT_FOUND",
  "VOLUME_NOT_ATTACHED",
  "SLUG_ALREADY_IN_USE",
  "CHANGED_MEANWHILE",
  "INVALID_REQUEST",
]);

test("of what many clients want of one volume at once, what excludes each other happens once, and everybody gets a clear answer", {
  timeout: ROUNDS * ROUND_MS,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "sk-races-"));
  const stack = await Stack.start(dataDir);
  const { client } = stack;
  const random = new Random(SEED);
  try {
    const sandboxes = [await client.sandboxes.create(), await client.sandboxes.create()];
    for (let round = 0; round < ROUNDS; round++) {
      const slug = `shared-${round}`;
      await client.volumes.create({ slug, region: "ord", capacity: "300MB" });
      const holder = random.chance(0.5) ? random.pick(sandboxes) : undefined;
      if (holder) {
        await holder.volumes.attach(slug, "/data");
        await holder.fs.writeTextFile("/data/note", slug);
      }
      const fresh: Sandbox[] = [];
      const wishes = random.some<Wish>(WISHES, [
        ...sandboxes.map((one): Wish => ["attach", () => one.volumes.attach(slug, "/data")]),
        ["attach", async () => fresh.push(await client.sandboxes.create({ volumes: { "/data": slug } }))],
        ...(holder ? [["detach", () => holder.volumes.detach(slug)] as const] : []),
        ["snapshot", () => client.volumes.snapshot(slug, { slug: `snap-${round}` })],
        ["snapshot", () => client.volumes.snapshot(slug, { slug: `snap-${round}` })],
        ["grow", () => client.volumes.grow(slug, "400MB")],
        ["delete", () => client.volumes.delete(slug)],
        ["delete", () => client.volumes.delete(slug, { now: true })],
      ]);
      const outcomes = await atOnce(wishes);
      const told = `round ${round}${holder ? ", attached" : ""}: ${outcomes}`;
      for (const reason of outcomes.refusals) assert.ok(REFUSALS.has((reason as { code: string }).code), told);
      assert.ok(outcomes.done("attach") <= (holder ? 0 : 1) + outcomes.done("detach"), told);
      assert.ok(outcomes.done("snapshot") <= 1, told);

      const all = [...sandboxes, ...fresh];
      const listed = await Promise.all(all.map((one) => one.volumes.list()));
      const [has, ...others] = all.filter((_, n) => listed[n]!.length > 0);
      assert.equal(others.length, 0, `${told}: several have it`);
      if (has) {
        assert.ok(await client.volumes.get(slug), `${told}: deleted and attached`);
        if (holder) assert.equal(await has.fs.readTextFile("/data/note"), slug, told);
        assert.equal(await has.sh`touch /data/x && findmnt -no TARGET /data`.text(), "/data\n", told);
        await has.volumes.detach(slug);
      }
      for (const one of all) assert.equal(await one.sh`findmnt -no TARGET /data || echo none`.text(), "none\n", told);
      await Promise.all(fresh.map((one) => one.kill()));
      await stack.removeDisks();
      assert.deepEqual(await stack.verify(), [], told);
    }
    await Promise.all(sandboxes.map((one) => one.kill()));
    await stack.stop();
  } finally {
    await stack.kill("everything");
    await rm(dataDir, { recursive: true, force: true });
  }
});

/** Ends all work now and then, and checks everything. */
import assert from "node:assert/strict";
import type { Random } from "@sandkeep/egress/testing";
import type { DiskFinding } from "@sandkeep/host";
import { machinePids, machinesWithRecord, recordedPids } from "../../harness/machines.ts";
import { until } from "../../harness/poll.ts";
import { inspect } from "./inspection.ts";
import type { Stack } from "./stack.ts";
import type { Work } from "./work.ts";

/** Ends all sandboxes, checks what is on the volumes, and removes these and everything else. */
export async function audit(stack: Stack, work: Work, random: Random): Promise<void> {
  const { client } = stack;
  for (const status of ["running", "paused"])
    await Promise.all((await stack.sandboxes(status)).map((id) => stack.end(id)));
  await requireKept(stack, work);

  const [one] = work.ledgers;
  const inspected = work.ledgers.map((ledger) => ({ ledger, volume: ledger.volume }));
  const copies = await Promise.all(
    work.snapshots.taken.map(async ({ slug, least }) => {
      const copy = { slug: `copy-${slug}`, region: "ord", capacity: "300MB", from: slug } as const;
      return { ledger: one!, volume: (await client.volumes.create(copy)).slug, least };
    }),
  );
  await inspect(client, [...inspected, ...copies], random);
  await requireConsistent(stack);
  await stack.removeDisks();
  await until("no machine is left but those of the warm pool", () => {
    const recorded = recordedPids(stack.dataDir);
    return (
      machinesWithRecord(stack.dataDir).length === 0 && machinePids(stack.dataDir).every((pid) => recorded.has(pid))
    );
  });
}

/** Volumes and snapshots whose creation was confirmed are there. */
export async function requireKept({ client }: Stack, { snapshots, turnover }: Work): Promise<void> {
  for (const { slug } of snapshots.taken) assert.ok(await client.snapshots.get(slug), `the snapshot ${slug} is gone`);
  const { made } = turnover;
  if (made) assert.ok(await client.volumes.get(made), `the volume ${made} is gone`);
}

/**
 * Every disk is sound, has a record in the database, and no record is without its disk.
 *
 * @param usual what disks may also be: with a machine, or with leaks until the next one uses it, because a machine was killed
 */
export async function requireConsistent(stack: Stack, usual: readonly DiskFinding["state"][] = []): Promise<void> {
  const findings = await stack.verify();
  assert.deepEqual(
    findings.filter(({ state }) => state !== "fine" && !usual.includes(state)),
    [],
  );
  const rows = await Promise.all([stack.disks("volumes"), stack.disks("snapshots")]);
  assert.deepEqual(findings.map(({ disk }) => disk).sort(), rows.flat().sort());
}

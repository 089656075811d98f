/** Looks at volumes after a crash, in a sandbox: what is on them, and whether their file systems are sound. */
import assert from "node:assert/strict";
import type { Random } from "@sandkeep/egress/testing";
import type { Client, Sandbox } from "sandkeep";
import type { Ledger } from "./ledger.ts";

/** A volume, and what must be on it. */
export interface Inspected {
  ledger: Ledger;
  volume: string;
  /** Of a copy: how many bytes it has at least. */
  least?: number;
}

/** @param random decides which file system is checked: that takes a while */
export async function inspect(client: Client, volumes: readonly Inspected[], random: Random): Promise<void> {
  const mounts = volumes.map((_, n) => `/v${n}`);
  const sandbox = await client.sandboxes.create({
    volumes: Object.fromEntries(volumes.map(({ volume }, n) => [mounts[n]!, volume])),
  });
  // Copies last: what they may have is known when the volume was checked.
  await Promise.all(volumes.map(({ ledger, least }, n) => least === undefined && ledger.check(sandbox, mounts[n]!)));
  await Promise.all(
    volumes.map(({ ledger, least }, n) => least !== undefined && ledger.checkCopy(sandbox, mounts[n]!, least)),
  );
  await requireSound(sandbox, random.pick(mounts));
  await sandbox.kill();
}

/** Mounting replays the journal, so afterwards nothing may be wrong. */
async function requireSound(sandbox: Sandbox, mount: string): Promise<void> {
  const script = `device=$(findmnt -no SOURCE ${mount}) && umount ${mount} && e2fsck -fn $device`;
  const child = await sandbox.spawn("sudo", { args: ["bash", "-c", script], stdout: "piped", stderr: "piped" });
  const { status, stdoutText, stderrText } = await child.output();
  assert.ok(status.success, `a file system is damaged: ${stdoutText}${stderrText}`);
}

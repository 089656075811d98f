import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JailKind } from "@sandkeep/jail";
import type { Acceleration } from "./engine/engine.ts";
import { forgetVerdicts } from "./engine/qemu/acceleration.ts";
import { createQemu } from "./engine/qemu/create.ts";
import { forkVerdictsOf, frequencyOf, layout, verdictsOf } from "./layout.ts";
import { forgetForkVerdicts } from "./local/forks/fork-method.ts";
import type { HostOptions } from "./local/options.ts";
import { createFolder } from "./machines/folder.ts";

export interface RecheckOptions {
  dataDir: string;
  templatesDir?: string | undefined;
  /** Absent: there is no verdict yet, and the next start of the server tests KVM. */
  image?: HostOptions["image"] | undefined;
  jail?: JailKind | undefined;
}

/**
 * Discards the verdicts on KVM and on forks, and tests KVM again; forks are tried with the next one. A running server keeps its mode until it restarts.
 *
 * @throws if a guest does not start at all
 */
export async function recheckAcceleration({
  dataDir,
  templatesDir,
  image,
  jail,
}: RecheckOptions): Promise<Acceleration | null> {
  const { frequency, templates } = layout(dataDir);
  const verdicts = verdictsOf(templatesDir ?? templates);
  await forgetVerdicts(verdicts);
  await forgetForkVerdicts(forkVerdictsOf(templatesDir ?? templates));
  if (!image) return null;
  // Not in the server's folder of machines: a server that runs or starts would remove machines it does not know.
  const run = await mkdtemp(join(tmpdir(), "sandkeep-"));
  try {
    const { kernel, initramfs, id, agent } = image;
    const engine = await createQemu({
      // Nothing that it starts is looked for later.
      host: "recheck",
      boot: { kernel, initramfs },
      imageId: id,
      agent,
      verdicts,
      frequencies: [frequency, frequencyOf(templatesDir ?? templates)],
      newFolder: () => createFolder(run),
      ...(jail && { jail }),
    });
    return engine.acceleration;
  } finally {
    await rm(run, { recursive: true, force: true });
  }
}

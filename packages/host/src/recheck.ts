import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Acceleration } from "./engine/engine.ts";
import { forgetVerdicts } from "./engine/qemu/acceleration.ts";
import { createQemu } from "./engine/qemu/create.ts";
import type { JailKind } from "./engine/qemu/jail/jail.ts";
import { layout, verdictsOf } from "./layout.ts";
import type { HostOptions } from "./local/options.ts";
import { createFolder } from "./machines/folder.ts";

export interface RecheckOptions {
  dataDir: string;
  templatesDir?: string | undefined;
  /** Absent: there is none yet, and the next start of the server finds out. */
  image?: HostOptions["image"] | undefined;
  jail?: JailKind | undefined;
}

/**
 * Forgets what was found out about KVM, and finds it out anew. A server that runs keeps what it has until it is started again.
 *
 * @throws when a guest does not start at all
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
  if (!image) return null;
  // Not where the server's machines are: it may run, or start and remove what it does not know.
  const run = await mkdtemp(join(tmpdir(), "sandkeep-"));
  try {
    const { kernel, initramfs, rootDisk, id, agent } = image;
    const engine = await createQemu({
      boot: { kernel, initramfs, rootDisk },
      imageId: id,
      agent,
      verdicts,
      frequency,
      newFolder: () => createFolder(run),
      ...(jail && { jail }),
    });
    return engine.acceleration;
  } finally {
    await rm(run, { recursive: true, force: true });
  }
}

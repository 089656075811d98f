/** Opens this computer as a host. */
import { persistentId, tryLockFile } from "@sandkeep/common";
import { loadGuestCas } from "@sandkeep/egress";
import type { Host } from "../contract.ts";
import { createQemu } from "../engine/qemu/create.ts";
import { mostDiskBytes } from "../engine/qemu/slots/file-limit.ts";
import { forkVerdictsOf, frequencyOf, layout, verdictsOf } from "../layout.ts";
import { createFolder } from "../machines/folder.ts";
import { PausedMachines } from "../machines/paused.ts";
import { requireMachines } from "../preconditions/require.ts";
import { beforeRoot, Roots, rootIdOf } from "../roots.ts";
import { LocalStorage } from "../storage/local-storage.ts";
import { makeRehearsalDisk } from "../templates/rehearse-disk.ts";
import { TemplateStore } from "../templates/store.ts";
import { removeUnowned } from "./adoption.ts";
import { LocalHost } from "./local-host.ts";
import type { HostOptions } from "./options.ts";
import { DEFAULT_MEMORY_MIB, sizeOf } from "./size.ts";

/**
 * Opens the host.
 *
 * @throws {PreconditionError} if this computer cannot run machines
 * @throws if another process uses the data folder
 */
export async function createHost(options: HostOptions): Promise<Host> {
  const { dataDir, image, log, jail = "full" } = options;
  await requireMachines(jail);
  const paths = layout(dataDir);
  const lock = await tryLockFile(paths.lock);
  if (!lock)
    throw new Error(
      `Another Sandkeep server uses this data directory (${dataDir}). Stop it, or choose another directory.`,
    );
  try {
    const newFolder = () => createFolder(paths.run);
    const templatesDir = options.templatesDir ?? paths.templates;
    const roots = new Roots(image, options.findImage);
    const id = await persistentId(paths.id, "host");
    const engine = await createQemu({
      host: id,
      boot: roots.default.boot,
      newFolder,
      imageId: image.id,
      agent: image.agent,
      verdicts: verdictsOf(templatesDir),
      frequencies: [paths.frequency, frequencyOf(templatesDir)],
      jail,
      ...(options.accelerator && { accelerator: options.accelerator }),
    });
    log.info({ ...engine.acceleration, versions: engine.versions }, "engine ready");
    if (jail === "minimal") log.warn({ jail }, "machines have the minimal jail: see docs/security.md");
    const templates = new TemplateStore({
      dir: templatesDir,
      snapshotsDir: paths.templates,
      newFolder,
      engine,
      log,
      ...(options.templatesMiB !== undefined && { mostBytes: options.templatesMiB * 1024 ** 2 }),
    });
    const keysOf = (memoryMiB: number) =>
      [roots.default, beforeRoot(roots.default)].map((root) => ({ root, size: sizeOf(memoryMiB) }));
    await templates.load(keysOf, keysOf(DEFAULT_MEMORY_MIB));
    const [caCertificates, rehearsalDisk] = await Promise.all([
      authoritiesFor(options),
      makeRehearsalDisk(paths.disks).catch((error: unknown) => {
        log.warn({ error: String(error) }, "machines of the warm pool will not be prepared for volumes");
        return undefined;
      }),
    ]);
    const storage = await LocalStorage.open({
      dir: paths.disks,
      defaultImage: roots.default.id,
      findImageDisk: roots.diskOf,
      mostDiskBytes: mostDiskBytes(),
      onRemoval: (id) => templates.forget(rootIdOf("snapshot", id)),
      jail,
      log,
    });
    // Those whose server was killed before they were ended.
    await engine.endSuspended(paths.paused);
    const paused = await PausedMachines.open(paths.paused);
    await removeUnowned({ engine, runDir: paths.run, storage, paused, log });
    const snapshots = new Set((await storage.list()).map((id) => rootIdOf("snapshot", id)));
    await templates.retainSnapshots((rootId) => snapshots.has(rootId));
    const host = new LocalHost({
      paused,
      forkVerdicts: forkVerdictsOf(templatesDir),
      id,
      options,
      runDir: paths.run,
      engine,
      roots,
      templates,
      storage,
      ...(rehearsalDisk && { rehearsalDisk }),
      lock,
      caCertificates,
    });
    await host.catchUp();
    return host;
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** Authorities that guests trust besides their image's, PEM. */
async function authoritiesFor({ egress, log }: HostOptions): Promise<string[]> {
  if (!egress) return [];
  const { pems, leftOut } = await loadGuestCas({ dir: egress.dir, caFiles: egress.config.caFiles });
  if (leftOut > 0)
    log.warn(
      { given: pems.length, leftOut },
      "too many additional CAs: sandboxes do not get all of them; list fewer in egress.caFiles",
    );
  return pems;
}

import { mkdir, rm } from "node:fs/promises";
import { silentLogger } from "@sandkeep/common";
import type { Engine, ForkedFrom, MachineSize } from "../engine/engine.ts";
import { createQemu } from "../engine/qemu/create.ts";
import { verdictsOf } from "../layout.ts";
import { DEFAULT_MEMORY_MIB, sizeOf } from "../local/size.ts";
import { createFolder } from "../machines/folder.ts";
import { engineId } from "../machines/source.ts";
import type { Prepared } from "../pool/supply.ts";
import { type RootImage, Roots } from "../roots.ts";
import { TemplateStore } from "../templates/store.ts";

/** What machines outside of any host are made from. */
export interface UsualTemplate extends AsyncDisposable {
  engine: Engine;
  from: ForkedFrom;
  size: MachineSize;
  /** A process that waits for the template's state. */
  prepare(): Promise<Prepared>;
}

export interface UsualTemplateOptions {
  image: RootImage & { agent: string };
  templatesDir: string;
  /** File with the frequency of the time stamp counter with which the templates were made. */
  frequency: string;
  /** Folder for the machines, removed with them; its path must be short. */
  dir: string;
}

/** FOR TESTS ONLY: the template of an image that most machines have. */
export async function openUsualTemplate(options: UsualTemplateOptions): Promise<UsualTemplate> {
  const { image, templatesDir, frequency, dir } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const newFolder = () => createFolder(dir);
  const { default: root } = new Roots(image);
  const { id: imageId, agent } = image;
  const verdicts = verdictsOf(templatesDir);
  const engine = await createQemu({
    host: "test",
    boot: root.boot,
    imageId,
    agent,
    verdicts,
    frequencies: [frequency],
    newFolder,
  });
  const templates = new TemplateStore({ dir: templatesDir, newFolder, engine, log: silentLogger });
  const { files, size } = await templates.ensure({ root, size: sizeOf(DEFAULT_MEMORY_MIB) });
  return {
    engine,
    from: { template: files, root: root.disk!, engine: engineId(engine) },
    size,
    async prepare() {
      const folder = newFolder();
      return { dir: folder, vm: await engine.prepare({ dir: folder, size, root: root.disk! }, files) };
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

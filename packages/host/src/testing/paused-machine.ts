/** FOR TESTS ONLY: a machine as one in the warm pool, to measure how fast a create can be at best. */
import { mkdir, rm } from "node:fs/promises";
import { silentLogger } from "@sandkeep/common";
import { createQemu } from "../engine/qemu/create.ts";
import { verdictsOf } from "../layout.ts";
import { DEFAULT_MEMORY_MIB, sizeOf } from "../local/size.ts";
import { connectGuest, discard, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
import { createFolder } from "../machines/folder.ts";
import { newIdentity } from "../machines/identity.ts";
import { engineId } from "../machines/source.ts";
import { type RootImage, Roots } from "../roots.ts";
import { TemplateStore } from "../templates/store.ts";
import { ID_LENGTH, warmClone } from "../templates/warmup.ts";

export interface PausedMachine extends AsyncDisposable {
  /**
   * Resumes the machine, waits for one answer of its agent, and pauses it again. Resolves to the time until the answer,
   * in milliseconds.
   *
   * @param to what the agent answers: that it has taken an identity, as in every create, or the smallest call
   */
  answer(to: "identity" | "ping"): Promise<number>;
}

export interface PausedMachineOptions {
  image: RootImage & { agent: string };
  templatesDir: string;
  /** File with the frequency of the time stamp counter with which the templates were made. */
  frequency: string;
  /** Folder for the machine, removed with it; its path must be short. */
  dir: string;
}

export async function startPausedMachine(options: PausedMachineOptions): Promise<PausedMachine> {
  const { image, templatesDir, frequency, dir } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const newFolder = () => createFolder(dir);
  const { default: root } = new Roots(image);
  const { id: imageId, agent } = image;
  const verdicts = verdictsOf(templatesDir);
  const engine = await createQemu({ boot: root.boot, imageId, agent, verdicts, frequencies: [frequency], newFolder });
  const templates = new TemplateStore({ dir: templatesDir, newFolder, engine, log: silentLogger });
  const { files, size } = await templates.ensure({ root, size: sizeOf(DEFAULT_MEMORY_MIB) });
  const folder = newFolder();
  const vm = await engine.prepare({ dir: folder, size, root: root.disk! }, files);
  await vm.load();
  const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
  const clone = { vm, guest, dir: folder, from: { template: files, root: root.disk!, engine: engineId(engine) } };
  await warmClone(clone, [], silentLogger);
  await vm.pause();
  let asked = 0;
  return {
    async answer(to) {
      // New each time, as in a create: names that stay the same are not written.
      const id = `sbx-${asked++}-`.padEnd(ID_LENGTH, "0");
      const identity = newIdentity(id, { DENO_DEPLOY_ORGANIZATION_ID: "default", SANDBOX_ID: id }, []);
      const started = performance.now();
      await Promise.all([vm.resume(), to === "ping" ? guest.call("ping", {}) : guest.call("resume", identity)]);
      const taken = performance.now() - started;
      await vm.pause();
      return taken;
    },
    async [Symbol.asyncDispose]() {
      await discard(clone);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A machine without a template, booted from scratch. */
import type { Engine } from "../engine/engine.ts";
import type { TemplateKey } from "../templates/template.ts";
import { BOOT_HELLO_TIMEOUT_MS, type Clone, connectGuest, discard } from "./clone.ts";
import { createFolder, removeFolder } from "./folder.ts";

export async function coldBoot(engine: Engine, runDir: string, { root, size }: TemplateKey): Promise<Clone> {
  const dir = createFolder(runDir);
  const vm = await engine.boot({ dir, size, boot: root.boot }).catch(async (error) => {
    await removeFolder(dir);
    throw error;
  });
  try {
    return { vm, dir, guest: await connectGuest(vm, BOOT_HELLO_TIMEOUT_MS) };
  } catch (error) {
    await discard({ vm, dir });
    throw error;
  }
}

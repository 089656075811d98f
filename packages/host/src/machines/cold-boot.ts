/** A machine without a template, booted from scratch. */
import type { Engine } from "../engine/engine.ts";
import type { TemplateKey } from "../templates/template.ts";
import { BOOT_HELLO_TIMEOUT_MS, type Clone, connectGuest, discard, killOnAbort } from "./clone.ts";
import { createFolder, removeFolder } from "./folder.ts";

/** @throws the signal's reason once it is aborted, with the machine gone */
export async function coldBoot(
  engine: Engine,
  runDir: string,
  { root, size }: TemplateKey,
  signal?: AbortSignal,
): Promise<Clone> {
  signal?.throwIfAborted();
  const dir = createFolder(runDir);
  const vm = await engine.boot({ dir, size, boot: root.boot }).catch(async (error) => {
    await removeFolder(dir);
    throw error;
  });
  try {
    return { vm, dir, guest: await killOnAbort(vm, signal, () => connectGuest(vm, BOOT_HELLO_TIMEOUT_MS)) };
  } catch (error) {
    await discard({ vm, dir });
    throw error;
  }
}

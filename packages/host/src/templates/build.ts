/** Makes a template: boots a machine, warms it up, and captures it. */
import type { Logger } from "@sandkeep/common";
import type { Engine } from "../engine/engine.ts";
import { BOOT_HELLO_TIMEOUT_MS, connectGuest, killOnAbort } from "../machines/clone.ts";
import { publish } from "./folder.ts";
import type { TemplateKey } from "./template.ts";
import { warmTemplate } from "./warmup.ts";

/**
 * Time between warm-up and capture, in which the agent closes the connection and the kernel writes back and frees
 * memory. Whatever still runs at the capture runs in every clone.
 */
const SETTLE_MS = 1_000;

export interface BuildOptions {
  engine: Engine;
  /** Where the machine runs; the caller removes what is left of it afterwards. */
  dir: string;
  /** The template's final place. */
  target: string;
  log: Logger;
  /** Aborts the build. */
  signal: AbortSignal;
}

export async function buildTemplate({ root, size }: TemplateKey, options: BuildOptions): Promise<void> {
  const { engine, dir, target, log, signal } = options;
  signal.throwIfAborted();
  const vm = await engine.bootForCapture({ dir, size, boot: root.boot });
  try {
    await killOnAbort(vm, signal, async () => {
      const guest = await connectGuest(vm, BOOT_HELLO_TIMEOUT_MS);
      await warmTemplate(guest, log);
      guest.close();
      await guest.ended;
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      await vm.capture();
    });
  } finally {
    await vm.kill();
  }
  await engine.relocate(engine.templateFiles(dir), engine.templateFiles(target), root.boot);
  await publish(dir, target);
}

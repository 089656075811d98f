/** Makes templates: one of a machine that waits for its root, and from that, one for each root. */
import type { Logger } from "@sandkeep/common";
import type { CapturableVm, Engine } from "../engine/engine.ts";
import type { GuestClient } from "../guest/client.ts";
import {
  BOOT_HELLO_TIMEOUT_MS,
  connectGuest,
  enterRoot,
  killOnAbort,
  RUNNING_HELLO_TIMEOUT_MS,
} from "../machines/clone.ts";
import { publish } from "./folder.ts";
import type { Template, TemplateKey } from "./template.ts";
import { warmTemplate } from "./warmup.ts";

/**
 * How long preparing a template may take, in milliseconds. What its root does meanwhile is its owner's affair, and
 * others wait for it. Usually 20 s; longer under emulation on a busy computer.
 */
const PREPARE_TIMEOUT_MS = 15 * 60_000;

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

/** Boots a machine and captures it before it has a root. */
export async function buildRootless({ root, size }: TemplateKey, options: BuildOptions): Promise<void> {
  const { engine, dir, target, signal } = options;
  signal.throwIfAborted();
  const vm = await engine.boot({ dir, size, boot: root.boot });
  await capture(vm, options, async () => {
    const guest = await connectGuest(vm, BOOT_HELLO_TIMEOUT_MS);
    await guest.call("quiesce", {});
    return guest;
  });
  await publish(dir, target, root);
}

/** Lets a machine enter a root, warms it up and captures it. @param rootless of the same size */
export async function buildTemplate(
  { root, size }: TemplateKey,
  rootless: Template,
  options: BuildOptions,
): Promise<void> {
  const { engine, dir, target, log, signal } = options;
  signal.throwIfAborted();
  const vm = await engine.prepareForCapture({ dir, size, root: root.disk! }, rootless.files);
  // A snapshot's first machine is in use by now.
  if (root.kind === "snapshot") vm.prioritize("background");
  await capture(vm, options, async () => {
    await vm.load();
    const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
    await enterRoot(guest);
    await warmTemplate(guest, log, root.kind === "image" ? "all" : "few");
    return guest;
  });
  await publish(dir, target, root);
}

/** Captures a machine when it is ready, and ends it in any case. */
async function capture(
  vm: CapturableVm,
  { engine, signal }: BuildOptions,
  prepare: () => Promise<GuestClient>,
): Promise<void> {
  try {
    await killOnAbort(vm, AbortSignal.any([signal, AbortSignal.timeout(PREPARE_TIMEOUT_MS)]), async () => {
      const guest = await prepare();
      guest.close();
      await guest.ended;
      await new Promise((resolve) => setTimeout(resolve, engine.settleMs));
      await vm.capture();
    });
  } finally {
    await vm.kill();
  }
}

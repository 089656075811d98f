/** Machines whose root has no template: made from a machine that waits for its root. */
import type { Engine } from "../engine/engine.ts";
import { type BeginClone, beginWith, type Clone } from "../machines/clone.ts";
import { beforeRoot } from "../roots.ts";
import type { TemplateStore } from "../templates/store.ts";
import type { TemplateKey } from "../templates/template.ts";
import { LOADING } from "./loading.ts";
import type { TakeOptions } from "./pool.ts";
import { Supply, type SupplyOptions } from "./supply.ts";

export interface UnpooledOptions extends Omit<SupplyOptions, "template" | "root"> {
  engine: Engine;
  templates: TemplateStore;
}

/**
 * Returns a running clone that has entered the key's root. The first of a memory size waits until one has booted to there.
 *
 * @param begin as in {@link Pool.take}; if the root is a volume, it lets the clone enter it
 * @throws the signal's reason once it is aborted
 */
export async function makeUnpooled(
  { root, size }: TemplateKey,
  { templates, ...options }: UnpooledOptions,
  begin: BeginClone,
  { signal, makeRoom }: TakeOptions,
): Promise<Clone> {
  signal?.throwIfAborted();
  const template = await templates.ensure({ root: beforeRoot(root), size });
  const supply = new Supply({ ...options, template, root });
  const clone = await LOADING.run(async () => {
    await makeRoom?.();
    return await supply.load(await supply.prepare(), signal);
  }, signal);
  // Its root may have been prepared to take long: nobody waits for that but who asked for it.
  return await beginWith(await supply.enter(clone, signal), begin);
}

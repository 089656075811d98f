/** A template: a captured machine that clones start from. There is one for each root and size. */
import type { MachineSize, TemplateFiles } from "../engine/engine.ts";
import type { Root } from "../roots.ts";

/** Identifies a template. */
export interface TemplateKey {
  readonly root: Root;
  readonly size: MachineSize;
}

export interface Template extends TemplateKey {
  readonly files: TemplateFiles;
}

/** A key as text, for maps of templates and pools. */
export function keyText({ root, size }: TemplateKey): string {
  return `${root.id} ${size.memoryMiB} ${size.vcpus}`;
}

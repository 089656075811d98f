import type { MachineSize } from "../engine/engine.ts";

/** Virtual CPUs of every machine, as on the platform. */
const VCPUS = 2;
/** Default memory of machines, in MiB; a template of that size is built in advance. */
export const DEFAULT_MEMORY_MIB = 1280;

export function sizeOf(memoryMiB: number): MachineSize {
  return { memoryMiB, vcpus: VCPUS };
}

import type { MachineSize } from "../engine/engine.ts";
import { MAX_MEMORY_MIB } from "../spec/check-spec.ts";

/** Virtual CPUs of every machine, as on the platform. */
const VCPUS = 2;
/** Default memory of machines, in MiB; a template of that size is built in advance. */
export const DEFAULT_MEMORY_MIB = 1280;

/** Machines of similar sizes are made from the same templates, so there are at most fourteen sizes. In MiB. */
const STEP_MIB = 256;

/** The size of a machine that is to have so much memory: at least that much. */
export function sizeOf(memoryMiB: number): MachineSize {
  return { memoryMiB: Math.min(Math.ceil(memoryMiB / STEP_MIB) * STEP_MIB, MAX_MEMORY_MIB), vcpus: VCPUS };
}

import { InvalidMemoryError } from "../errors/settings.ts";

/**
 * A size of memory: a number of bytes, or a number with a unit. `GB`, `MB` and `kB` are powers of 1000, `GiB`, `MiB` and
 * `KiB` powers of 1024. Rounded down to whole MiB.
 *
 * @example
 * ```ts
 * import { type Memory, Sandbox } from "sandkeep";
 *
 * const memory: Memory = "1GiB";
 * await using sandbox = await Sandbox.create({ memory });
 * ```
 */
export type Memory =
  | number
  | `${number}GB`
  | `${number}MB`
  | `${number}kB`
  | `${number}GiB`
  | `${number}MiB`
  | `${number}KiB`;

const MEBIBYTE = 1024 ** 2;
const UNITS: Record<string, number> = {
  GiB: 1024 ** 3,
  MiB: MEBIBYTE,
  KiB: 1024,
  GB: 1000 ** 3,
  MB: 1000 ** 2,
  kB: 1000,
};
/** The limits of a sandbox's memory, in MiB (wire-protocol §4.1). */
const MIN_MIB = 768;
const MAX_MIB = 4096;
/** A sandbox's memory by default, in MiB. */
export const DEFAULT_MEMORY_MIB = 1280;

/** A size in whole MiB. Throws `InvalidMemoryError`. */
export function parseMemory(value: Memory): number {
  const mib = Math.floor(toBytes(value) / MEBIBYTE);
  // NaN fails this too.
  if (!(mib >= MIN_MIB && mib <= MAX_MIB)) {
    throw new InvalidMemoryError(`A sandbox can have ${MIN_MIB} MiB to ${MAX_MIB} MiB of memory, not ${mib} MiB`);
  }
  return mib;
}

function toBytes(value: Memory): number {
  if (typeof value === "number") return value;
  const [, number, unit] = /^(\d+(?:\.\d+)?)([a-zA-Z]+)$/.exec(value) ?? [];
  if (number === undefined || unit === undefined) {
    throw new InvalidMemoryError(
      `"${value}" is not a size of memory. Give a number of bytes, or a size such as "1GiB" or "1280MiB"`,
    );
  }
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (factor === undefined) {
    throw new InvalidMemoryError(`"${unit}" is not a unit of memory. Use one of ${Object.keys(UNITS).join(", ")}`);
  }
  return Number(number) * factor;
}

import { z } from "zod";

/** Smallest volume, bytes: what Deno Sandbox permits, and enough for a file system with a journal. */
export const MIN_CAPACITY_BYTES = 300e6;

/** Decimal and binary units, as the official clients write them. */
const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * Bytes of a capacity: a number of bytes, or text such as `2GB` (1000³) or `1.5GiB` (1024³). Null for anything else.
 *
 * @example
 * ```ts
 * parseCapacity("2GiB"); // 2147483648
 * ```
 */
export function parseCapacity(capacity: number | string): number | null {
  if (typeof capacity === "number") return Number.isSafeInteger(capacity) && capacity > 0 ? capacity : null;
  const [, digits, unit = "B"] = /^(\d{1,15}(?:\.\d{1,9})?) ?([kKMGT]i?B|B)?$/.exec(capacity) ?? [];
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (digits === undefined || factor === undefined) return null;
  const bytes = Math.floor(Number(digits) * factor);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null;
}

/** A capacity in a request, as bytes. The server's configuration decides which are permitted. */
export const capacitySchema = z.union([z.number(), z.string().max(32)]).transform((capacity, context) => {
  const bytes = parseCapacity(capacity);
  if (bytes !== null) return bytes;
  context.addIssue("must be a number of bytes, or a number with a unit: MB, GB (decimal), MiB or GiB (binary)");
  return z.NEVER;
});

import { UsageError } from "../errors.ts";

const UNITS: Record<string, number> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Parses a size such as `2GiB`, `1280MiB`, `2g` (binary) or `1GB` (decimal).
 * @returns bytes
 * @throws {UsageError} when it is anything else
 */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = match && UNITS[match[2]!.toLowerCase()];
  if (!match || unit === undefined) {
    throw new UsageError(`"${text}" is not a size`, "write it like 2GiB, 1280MiB or 1GB");
  }
  return Math.floor(Number(match[1]) * unit!);
}

/** Parses a memory size; a bare number is in MiB. @returns MiB, rounded down */
export function parseMemory(text: string): number {
  return Math.floor(parseBytes(/^\d+$/.test(text.trim()) ? `${text.trim()}MiB` : text) / 2 ** 20);
}

/** A human-readable size in binary units: `512 B`, `1.3 MiB`, `24 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

import { parseDuration as parse } from "@sandkeep/common/duration";
import { UsageError } from "../errors.ts";

/**
 * Parses a duration such as `30s`, `5m`, `1h30m` or `250ms`.
 * @returns milliseconds
 * @throws {UsageError} when it is anything else, or zero
 */
export function parseDuration(text: string): number {
  const ms = parse(text);
  if (ms === null) throw new UsageError(`"${text}" is not a duration`, "write it like 30s, 5m or 1h30m");
  return ms;
}

/** A human-readable duration: `850 ms`, `12.3 s`, `4m 05s`, `2h 07m`, `3d 04h`. */
export function formatDuration(ms: number): string {
  const two = (n: number) => String(n).padStart(2, "0");
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** A lifetime in the form that the API accepts: whole seconds, such as `300s`. */
export function toApiTimeout(ms: number): `${number}s` {
  return `${Math.max(1, Math.round(ms / 1_000))}s`;
}

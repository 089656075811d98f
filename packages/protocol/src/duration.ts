import { parseDuration as parse } from "@sandkeep/common/duration";

/** One unit: seconds or minutes, as the official clients send, or hours, which Sandkeep adds. */
const DURATION = /^\d{1,9}[smh]$/;

/**
 * Milliseconds of a duration such as `30s`, `5m` or `2h`; null for anything else, including `0s`.
 *
 * @example
 * ```ts
 * parseDuration("5m"); // 300000
 * ```
 */
export function parseDuration(text: string): number | null {
  return DURATION.test(text) ? parse(text) : null;
}

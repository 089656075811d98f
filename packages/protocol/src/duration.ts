/** Seconds or minutes: what the platform knows. Hours are Sandkeep's addition. */
const DURATION = /^(\d{1,9})([smh])$/;
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

/**
 * Milliseconds of a duration such as `30s`, `5m` or `2h`; null for anything else, `0s` among it.
 *
 * @example
 * ```ts
 * parseDuration("5m"); // 300000
 * ```
 */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (!match) return null;
  const ms = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  return ms > 0 ? ms : null;
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Parses a duration such as `30s`, `1h30m`, `1.5h` or `250ms` to milliseconds, rounded; null if it is invalid or zero.
 *
 * @example
 * ```ts
 * parseDuration("1h30m"); // 5400000
 * ```
 */
export function parseDuration(text: string): number | null {
  let total = 0;
  const rest = text.replace(/(\d+(?:\.\d+)?)\s*(ms|[smhd])/g, (_, count: string, unit: keyof typeof UNIT_MS) => {
    total += Number(count) * UNIT_MS[unit];
    return "";
  });
  const ms = Math.round(total);
  return rest.trim() === "" && ms > 0 ? ms : null;
}

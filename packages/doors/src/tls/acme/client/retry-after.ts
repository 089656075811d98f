/** Longest time that a certificate authority can ask for, milliseconds. Let's Encrypt's limits are per week. */
const MAX_WAIT_MS = 7 * 24 * 60 * 60_000;

/** The time that `Retry-After` names: seconds, or a date (RFC 9110, section 10.2.3). Null if there is none. */
export function retryAt(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  // Date.parse takes almost anything for a date.
  const at = /^\d{1,9}$/.test(value)
    ? now + Number(value) * 1_000
    : / GMT$/.test(value)
      ? Date.parse(value)
      : Number.NaN;
  return Number.isNaN(at) ? null : Math.min(Math.max(at, now), now + MAX_WAIT_MS);
}

export const DAY_MS = 24 * 60 * 60_000;

/** Allows for clients whose clock is slow. */
const BACKDATE_MS = DAY_MS;

/** From one day ago until this long from now. */
export function validFor(ms: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + ms) };
}

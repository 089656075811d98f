export const DAY_MS = 24 * 60 * 60_000;

/** For whoever's clock is behind. */
const BACKDATE_MS = DAY_MS;

/** From a day ago until so long from now. */
export function validFor(ms: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + ms) };
}

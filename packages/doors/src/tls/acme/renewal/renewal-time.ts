/** When a certificate is renewed. Times are in milliseconds since 1970. */

/** The part of its lifetime that a certificate still has when it is renewed, unless the certificate authority suggests a time. */
const LEFT_AT_RENEWAL = 1 / 3;
/** The certificate authority's suggestion cannot leave less than this part. */
const LEFT_AT_LATEST = 1 / 10;

export interface Validity {
  validFrom: number;
  expiresAt: number;
}

/** A span of time in which a certificate authority wants a certificate to be renewed (RFC 9773). */
export interface Window {
  start: number;
  end: number;
}

export function usualRenewal({ validFrom, expiresAt }: Validity): number {
  return expiresAt - (expiresAt - validFrom) * LEFT_AT_RENEWAL;
}

/**
 * A time within the window, so that not all clients renew at once. Not so late that the certificate could expire meanwhile.
 *
 * @param random from 0 to 1
 */
export function suggestedRenewal({ validFrom, expiresAt }: Validity, { start, end }: Window, random: number): number {
  const latest = expiresAt - (expiresAt - validFrom) * LEFT_AT_LATEST;
  return Math.min(start + (end - start) * random, latest);
}

const FIRST_PAUSE_MS = 5 * 60_000;
const MAX_PAUSE_MS = 6 * 60 * 60_000;
/** By which part pauses differ, so that many servers do not come back at once. */
const JITTER = 0.2;

/**
 * How long to wait after this many failures in a row. Let's Encrypt allows five failed checks of a name in an hour; this makes four.
 *
 * @param random from 0 to 1
 */
export function pauseAfter(failures: number, random: number): number {
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), MAX_PAUSE_MS);
  return pause * (1 + JITTER * random);
}

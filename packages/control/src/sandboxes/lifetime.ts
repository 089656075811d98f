import { ApiError, type Lifetime } from "@sandkeep/protocol";

/** Clients send the stop time by their own clock, which may be ahead by this much, milliseconds. */
const CLOCK_SLACK_MS = 60_000;

/**
 * When a new sandbox stops, epoch milliseconds; null for a session.
 *
 * @throws {ApiError} `INVALID_TIMEOUT` for a time in the past, or beyond the longest lifetime.
 */
export function firstStop(lifetime: Lifetime, now: number, maxLifetimeMs: number): number | null {
  switch (lifetime.kind) {
    case "session":
      return null;
    case "for":
      if (lifetime.ms > maxLifetimeMs) throw tooLong(lifetime.ms, maxLifetimeMs);
      return now + lifetime.ms;
    case "until": {
      const ms = lifetime.stopAtMs - now;
      if (ms <= 0) throw past(lifetime.stopAtMs);
      if (ms > maxLifetimeMs + CLOCK_SLACK_MS) throw tooLong(ms, maxLifetimeMs);
      return Math.min(lifetime.stopAtMs, now + maxLifetimeMs);
    }
  }
}

/**
 * When an extended sandbox stops: at most the longest lifetime from now, and never earlier than before. A session gets
 * a stop time, and no longer ends with its creator's connection.
 *
 * @throws {ApiError} `INVALID_TIMEOUT` for a time in the past.
 */
export function extendedStop(current: number | null, requested: number, now: number, maxLifetimeMs: number): number {
  if (requested <= now) throw past(requested);
  return Math.max(current ?? 0, Math.min(requested, now + maxLifetimeMs));
}

/** A sandbox that was paused because its time was up gets this long when it is resumed, milliseconds. */
const RESUMED_AT_LEAST_MS = 5 * 60_000;

/**
 * When a paused sandbox stops once it is resumed: its time stands still while it is paused. Null for a session.
 *
 * @param requested Instead of that.
 * @throws {ApiError} `INVALID_TIMEOUT`
 */
export function resumedStop(
  { stopAt, pausedAt }: { stopAt: number | null; pausedAt: number | null },
  requested: Lifetime | null,
  now: number,
  maxLifetimeMs: number,
): number | null {
  if (requested) return firstStop(requested, now, maxLifetimeMs);
  if (stopAt === null) return null;
  return recoveredStop({ stopAt, pausedAt }, now, maxLifetimeMs);
}

/**
 * When a sandbox stops whose resumption was not stored before the server was killed. For a session, which can only have
 * lasted because it got a timeout, that is not known any more.
 */
export function recoveredStop(
  { stopAt, pausedAt }: { stopAt: number | null; pausedAt: number | null },
  now: number,
  maxLifetimeMs: number,
): number {
  const left = stopAt === null ? 0 : stopAt - (pausedAt ?? now);
  return now + Math.max(left, Math.min(RESUMED_AT_LEAST_MS, maxLifetimeMs));
}

function past(stopAtMs: number): ApiError {
  return new ApiError("INVALID_TIMEOUT", `The stop time ${stopAtMs} is in the past. Check the client's clock.`);
}

function tooLong(ms: number, maxMs: number): ApiError {
  return new ApiError(
    "INVALID_TIMEOUT",
    `The timeout of ${Math.round(ms / 1_000)} s exceeds this server's maximum of ${Math.round(maxMs / 1_000)} s.`,
  );
}

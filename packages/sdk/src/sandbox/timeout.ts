import { InvalidTimeoutError } from "../errors/settings.ts";

const EXAMPLES = 'Valid are "session" and durations such as "600s" or "15m"';
const MS_PER_UNIT = { s: 1_000, m: 60_000 };

/** The duration of a timeout in milliseconds; undefined for `"session"` or when absent. Throws `InvalidTimeoutError`. */
export function parseTimeout(timeout: string | undefined): number | undefined {
  if (timeout === undefined || timeout === "session") return undefined;
  const [, number, unit] = /^(-?\d+(?:\.\d+)?)([sm])$/.exec(timeout) ?? [];
  if (number === undefined || unit === undefined)
    throw new InvalidTimeoutError(`"${timeout}" is not a valid timeout. ${EXAMPLES}`);
  const ms = Number(number) * MS_PER_UNIT[unit as "s" | "m"];
  if (ms <= 0) throw new InvalidTimeoutError(`A timeout must be positive, not "${timeout}". ${EXAMPLES}`);
  return ms;
}

/** A timeout as the server takes it: a whole number of seconds. Throws `InvalidTimeoutError`. */
export function wireTimeout(timeout: string | undefined): string | undefined {
  const ms = parseTimeout(timeout);
  return ms === undefined ? timeout : `${Math.ceil(ms / 1000)}s`;
}

import { errnoOf } from "@sandkeep/common";
import type { Decision } from "../policy/mod.ts";

/** Why a host could not be dialled. */
export class DialError extends Error {
  override name = "DialError";
  /** The errno that the guest's program gets: `ECONNREFUSED`, `EHOSTUNREACH`, `ENETUNREACH`, `ETIMEDOUT` or `ECONNRESET`. */
  readonly errno: string;
  /** Whether policy denied it; otherwise it was tried and failed. */
  readonly denied: boolean;
  /** The pattern that decided. */
  readonly rule: string | null;

  constructor(
    message: string,
    { errno, denied = false, rule = null }: { errno: string; denied?: boolean; rule?: string | null },
  ) {
    super(message);
    this.errno = errno;
    this.denied = denied;
    this.rule = rule;
  }
}

/** The error for an attempt, or a connection, that policy does not allow. */
export function denial({ reason, rule }: Pick<Decision, "reason" | "rule">): DialError {
  return new DialError(reason, { errno: "ECONNREFUSED", denied: true, rule });
}

/** Errnos that guests get unchanged; any other becomes `EHOSTUNREACH`. */
const TOLD = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "ECONNRESET"]);

/** The errno that a guest gets for a failed connection. */
export function guestErrno(error: unknown): string {
  const code = errnoOf(error) ?? "";
  return TOLD.has(code) ? code : "EHOSTUNREACH";
}

/** Why dialling, or the TLS handshake after it, failed, for any thrown value. */
export function dialFailure(error: unknown): Pick<DialError, "errno" | "denied" | "rule" | "message"> {
  const { errno, denied, rule, message } = error as Partial<DialError>;
  return {
    errno: typeof errno === "string" ? errno : "EHOSTUNREACH",
    denied: denied === true,
    rule: typeof rule === "string" ? rule : null,
    message: typeof message === "string" ? message : "The host cannot be reached.",
  };
}

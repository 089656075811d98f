import type { Decision } from "../policy/mod.ts";

/** Why nothing was dialled, or nobody answered. */
export class DialError extends Error {
  override name = "DialError";
  /** What a program in the guest is to see: `ECONNREFUSED`, `EHOSTUNREACH`, `ENETUNREACH`, `ETIMEDOUT` or `ECONNRESET`. */
  readonly errno: string;
  /** Whether policy forbade it; otherwise it was tried. */
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

/** What becomes of an attempt, or a connection, that policy does not allow. */
export function denial({ reason, rule }: Pick<Decision, "reason" | "rule">): DialError {
  return new DialError(reason, { errno: "ECONNREFUSED", denied: true, rule });
}

/** Errnos that a guest is told as they are; any other means that the host could not be reached. */
const TOLD = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "ECONNRESET"]);

/** The errno that a guest is told of a failed connection. */
export function guestErrno(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return TOLD.has(code) ? code : "EHOSTUNREACH";
}

/** Reads what an attempt to dial, or to secure what was dialled, failed with, whatever was thrown. */
export function dialFailure(error: unknown): Pick<DialError, "errno" | "denied" | "rule" | "message"> {
  const { errno, denied, rule, message } = error as Partial<DialError>;
  return {
    errno: typeof errno === "string" ? errno : "EHOSTUNREACH",
    denied: denied === true,
    rule: typeof rule === "string" ? rule : null,
    message: typeof message === "string" ? message : "The host cannot be reached.",
  };
}

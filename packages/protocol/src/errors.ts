/**
 * The catalogue of errors: every code that the server answers with, its HTTP status, and what to do about it. The API,
 * the CLI and `docs/errors.md` all use these words.
 */

/** One entry of the catalogue. */
export interface ErrorEntry {
  /** HTTP status of the answer, or of the refused WebSocket upgrade. */
  status: number;
  /** What happened, as a sentence. A thrown {@link ApiError} may say it more exactly. */
  summary: string;
  /** What to do about it, as a sentence. */
  remedy: string;
}

/** Every error, by code. The first three codes are fixed by the official clients (wire-protocol §4.2, §9). */
export const ERRORS = {
  INVALID_TOKEN: {
    status: 401,
    summary: "The access token is unknown or was revoked.",
    remedy: "Create a new one with `sandkeep token create` and set DENO_DEPLOY_TOKEN to it.",
  },
  NOT_AUTHENTICATED: {
    status: 401,
    summary: "The request carries no access token.",
    remedy: "Send the header `Authorization: Bearer ddo_…`.",
  },
  TOKEN_EXPIRED: {
    status: 403,
    summary: "The access token has expired.",
    remedy: "Create a new one with `sandkeep token create`.",
  },
  ORGANISATION_MISMATCH: {
    status: 403,
    summary: "The access token belongs to another organisation than the one named in X-Deno-Org.",
    remedy: "Leave the organisation out (unset DENO_DEPLOY_ORG), or use a token of that organisation.",
  },
  FORBIDDEN: {
    status: 403,
    summary: "The access token does not allow this.",
    remedy:
      "Use a token that may do more (`sandkeep token list` shows their scopes), such as the administrator's in the data directory's file `admin-token`.",
  },
  SANDBOX_NOT_FOUND: {
    status: 404,
    summary: "There is no running sandbox with this id.",
    remedy: "See `sandkeep list`; a sandbox that has stopped cannot be started again.",
  },
  SECRET_NOT_FOUND: {
    status: 404,
    summary: "The sandbox has no secret of this name.",
    remedy: "See `sandkeep egress show`.",
  },
  TOKEN_NOT_FOUND: {
    status: 404,
    summary: "There is no token with this id.",
    remedy: "See `sandkeep token list`.",
  },
  ORGANISATION_NOT_FOUND: {
    status: 404,
    summary: "There is no such organisation.",
    remedy: "See GET /api/v1/organisations.",
  },
  NOT_FOUND: {
    status: 404,
    summary: "There is nothing at this path.",
    remedy: "See docs/api.md for the paths.",
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    summary: "This path does not know the request's method.",
    remedy: "Use one of those in the answer's Allow header.",
  },
  REQUEST_TIMEOUT: {
    status: 408,
    summary: "The request did not arrive in time.",
    remedy: "Send it again, without a pause in the middle.",
  },
  REQUEST_ABORTED: {
    status: 499,
    summary: "The client went away before the answer.",
    remedy: "Nobody reads this but the log.",
  },
  NO_ALLOW_LIST: {
    status: 409,
    summary: "The sandbox may reach every public host, so there is no list to add to or to remove from.",
    remedy: "Give it a list: send `allow` as an array. Or deny what it is not to reach.",
  },
  CHANGED_MEANWHILE: {
    status: 409,
    summary: "Somebody else changed the same thing at the same time.",
    remedy: "Look at what is there now, and try again.",
  },
  SLUG_ALREADY_IN_USE: {
    status: 409,
    summary: "The name is already taken.",
    remedy: "Choose another one.",
  },
  REQUEST_TOO_LARGE: {
    status: 413,
    summary: "The request's body is too large.",
    remedy: "Send at most 1 MiB; move files through a sandbox's connection.",
  },
  UPGRADE_REQUIRED: {
    status: 426,
    summary: "This path speaks WebSocket only.",
    remedy: "Connect to it with a client of Deno Sandbox.",
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    summary: "The request's headers are too large.",
    remedy: "Keep them under 128 KiB: fewer or shorter secrets, labels and environment variables.",
  },
  INVALID_REQUEST: {
    status: 400,
    summary: "The request is malformed.",
    remedy: "Correct the field that the message names.",
  },
  INVALID_CONFIG: {
    status: 400,
    summary: "The sandbox's configuration is not valid.",
    remedy: "Correct the option that the message names.",
  },
  INVALID_TIMEOUT: {
    status: 400,
    summary: "The sandbox's timeout is not valid.",
    remedy: 'Use "session", or a duration such as "30s" or "5m" within the server\'s `limits.maxLifetimeMs`.',
  },
  INVALID_CURSOR: {
    status: 400,
    summary: "The page cursor is not one that this server gave.",
    remedy: "Start again without `cursor`.",
  },
  CONCURRENCY_LIMIT: {
    status: 429,
    summary: "The organisation already has as many sandboxes as it may have at once.",
    remedy: "End one with `sandkeep kill`, or raise `limits.sandboxesPerOrganisation` in the server's configuration.",
  },
  CONNECTION_LIMIT: {
    status: 429,
    summary: "The sandbox already has as many connections as it may have at once.",
    remedy: "Close one of them.",
  },
  INTERNAL: {
    status: 500,
    summary: "Something went wrong in the server.",
    remedy: "Look for the trace id in the server's log.",
  },
  NOT_SUPPORTED: {
    status: 501,
    summary: "This version of Sandkeep cannot do that.",
    remedy: "See docs/limitations.md for what is there and what comes next.",
  },
  NO_CAPACITY: {
    status: 503,
    summary: "The host has no room for another sandbox.",
    remedy: "Try again later, ask for less memory, or end a sandbox.",
  },
  HOST_NOT_READY: {
    status: 503,
    summary: "The computer cannot run machines as it is.",
    remedy: "On that computer, `sandkeep doctor` has the details.",
  },
  EGRESS_UNAVAILABLE: {
    status: 503,
    summary: "The change of what the sandbox may reach did not come into force.",
    remedy: "Try again; see the server's log if it goes on, and `sandkeep doctor`.",
  },
  SHUTTING_DOWN: {
    status: 503,
    summary: "The server is stopping.",
    remedy: "Try again when it is back.",
  },
} as const satisfies Record<string, ErrorEntry>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof ERRORS;

/** The JSON body of every error answer. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
}

/**
 * An error of the catalogue.
 *
 * @example
 * ```ts
 * throw new ApiError("INVALID_CONFIG", "memory_mb must be between 768 and 4096, and is 64.");
 * ```
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ErrorCode;
  /** HTTP status. */
  readonly status: number;

  /** @param summary What happened, if more can be said than in the catalogue; the remedy is added to it. */
  constructor(code: ErrorCode, summary?: string, options?: ErrorOptions) {
    const entry = ERRORS[code];
    super(`${summary ?? entry.summary} ${entry.remedy}`, options);
    this.code = code;
    this.status = entry.status;
  }

  toJSON(): ErrorBody {
    return { code: this.code, message: this.message };
  }
}

/**
 * The catalogue of errors: every code that the server answers with, its HTTP status, and what to do about it. The API,
 * the CLI and `docs/errors.md` all use these texts.
 */

import { APP_ERRORS } from "./apps/errors.ts";

/** One entry of the catalogue. */
export interface ErrorEntry {
  /** HTTP status of the answer, or of the refused WebSocket upgrade. */
  status: number;
  /** What happened, as a sentence. A thrown {@link ApiError} may be more specific. */
  summary: string;
  /** What to do about it, as a sentence. */
  remedy: string;
}

/** Every error, by code. The official clients depend on `INVALID_TOKEN` and its status (wire-protocol §4.2). */
export const ERRORS = {
  INVALID_TOKEN: {
    status: 401,
    summary: "The access token is unknown or was revoked.",
    remedy: "Create a new one with `sandkeep token create` and set DENO_DEPLOY_TOKEN to it.",
  },
  NOT_AUTHENTICATED: {
    status: 401,
    summary: "The request has no access token.",
    remedy: "Send the header `Authorization: Bearer ddo_…`.",
  },
  TOKEN_EXPIRED: {
    status: 403,
    summary: "The access token has expired.",
    remedy: "Create a new one with `sandkeep token create`.",
  },
  ORGANISATION_MISMATCH: {
    status: 403,
    summary: "The access token does not belong to the organisation that the request names.",
    remedy: "Leave the organisation out (unset DENO_DEPLOY_ORG), or use a token of that organisation.",
  },
  FORBIDDEN: {
    status: 403,
    summary: "The access token does not permit this.",
    remedy:
      "Use a token with a higher scope (`sandkeep token list` shows the scopes), such as the administrator's token in the data directory's file `admin-token`.",
  },
  SANDBOX_NOT_FOUND: {
    status: 404,
    summary: "There is no running sandbox with this id.",
    remedy: "List the sandboxes with `sandkeep list`; a sandbox that has stopped cannot be started again.",
  },
  VOLUME_NOT_FOUND: {
    status: 404,
    summary: "There is no volume with this id or slug.",
    remedy: "List the volumes with `sandkeep volumes list`; a deleted one can be restored while its data is kept.",
  },
  SNAPSHOT_NOT_FOUND: {
    status: 404,
    summary: "There is no snapshot with this id or slug.",
    remedy: "List the snapshots with `sandkeep snapshots list`; a deleted one can be restored while its data is kept.",
  },
  ...APP_ERRORS,
  SECRET_NOT_FOUND: {
    status: 404,
    summary: "The sandbox has no secret with this name.",
    remedy: "List its secrets with `sandkeep egress show`.",
  },
  DOOR_NOT_FOUND: {
    status: 404,
    summary: "There is no sandbox behind this address.",
    remedy: "It may have ended; ask for a new address with `sandkeep expose`.",
  },
  DOOR_TOKEN_REQUIRED: {
    status: 401,
    summary: "This address is private, and the request has no valid token for it.",
    remedy: "Use the whole link that was made for you; `sandkeep expose` makes a new one.",
  },
  TOKEN_NOT_FOUND: {
    status: 404,
    summary: "There is no token with this id.",
    remedy: "List the tokens with `sandkeep token list`.",
  },
  ORGANISATION_NOT_FOUND: {
    status: 404,
    summary: "There is no organisation with this name.",
    remedy: "List the organisations with GET /api/v1/organisations.",
  },
  NOT_FOUND: {
    status: 404,
    summary: "There is nothing at this path.",
    remedy: "See docs/api.md for the paths.",
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    summary: "This path does not support the request's method.",
    remedy: "Use one of the methods in the answer's Allow header.",
  },
  MISDIRECTED_REQUEST: {
    status: 421,
    summary: "The connection was opened for another host name.",
    remedy: "Open a new connection for this one, with its name in the TLS handshake.",
  },
  REQUEST_TIMEOUT: {
    status: 408,
    summary: "The request did not arrive in time.",
    remedy: "Send it again, without pausing in the middle.",
  },
  REQUEST_ABORTED: {
    status: 499,
    summary: "The client disconnected before the answer was ready.",
    remedy: "No action is needed: only the server's log shows this error.",
  },
  NO_ALLOW_LIST: {
    status: 409,
    summary: "The sandbox has no allow list, so it may reach every public host.",
    remedy: "Create the list first by sending `allow` as an array, or block hosts with `deny`.",
  },
  SANDBOX_PAUSED: {
    status: 409,
    summary: "The sandbox is paused.",
    remedy: "Resume it first: `sandkeep resume`, Sandbox.resume(id) or POST /api/v1/sandboxes/{id}/resume.",
  },
  SANDBOX_NOT_PAUSED: {
    status: 409,
    summary: "The sandbox is running, so it cannot be resumed.",
    remedy: "Connect to it.",
  },
  SANDBOX_HAS_VOLUMES: {
    status: 409,
    summary: "The sandbox has volumes, so it can be neither forked nor paused.",
    remedy: "Detach them first; a volume that is its root cannot be detached.",
  },
  NOT_FORKABLE: {
    status: 409,
    summary: "The sandbox can be neither forked nor paused.",
    remedy: "Do what the message says, or create a new sandbox.",
  },
  CANNOT_RESUME: {
    status: 409,
    summary: "The sandbox cannot be resumed by this server.",
    remedy:
      "Resume it where it was paused, with the same versions of QEMU and Sandkeep, or delete it with `sandkeep kill`.",
  },
  VOLUME_IN_USE: {
    status: 409,
    summary: "A sandbox is using the volume.",
    remedy: "One sandbox at a time can use a volume: end that sandbox, or detach the volume from it.",
  },
  SNAPSHOT_IN_USE: {
    status: 409,
    summary: "Something depends on the snapshot.",
    remedy:
      "Delete the volumes that were created from it, end the sandboxes that run on it, or delete the revision first.",
  },
  VOLUME_NOT_ATTACHED: {
    status: 409,
    summary: "The sandbox does not have this volume.",
    remedy: "See which volumes it has with `sandkeep volumes list`.",
  },
  VOLUME_BUSY: {
    status: 409,
    summary: "Programs in the sandbox are using the volume.",
    remedy: "End them and try again, or force it: their open files fail then.",
  },
  NOT_BOOTABLE: {
    status: 409,
    summary: "This volume or snapshot cannot be a root.",
    remedy: "Use one that was created from `builtin:debian-13` or from a bootable snapshot.",
  },
  CHANGED_MEANWHILE: {
    status: 409,
    summary: "Someone else changed this at the same time.",
    remedy: "Check its current state and try again.",
  },
  SLUG_ALREADY_IN_USE: {
    status: 409,
    summary: "The name is already taken.",
    remedy: "Choose another one.",
  },
  REQUEST_TOO_LARGE: {
    status: 413,
    summary: "The request's body is too large.",
    remedy:
      "Keep it within the server's `limits.bodyBytes` (1 MiB by default); transfer files over a connection to a sandbox.",
  },
  UPGRADE_REQUIRED: {
    status: 426,
    summary: "This path only accepts WebSocket connections.",
    remedy: "Connect with Sandkeep's SDK or a client of Deno Sandbox.",
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    summary: "The request's headers are too large.",
    remedy: "Keep them under 128 KiB: send fewer or shorter secrets, labels and environment variables.",
  },
  INVALID_REQUEST: {
    status: 400,
    summary: "The request is invalid.",
    remedy: "Correct it and try again.",
  },
  INVALID_CONFIG: {
    status: 400,
    summary: "The sandbox's configuration is invalid.",
    remedy: "Correct it and try again.",
  },
  INVALID_TIMEOUT: {
    status: 400,
    summary: "The sandbox's timeout is invalid.",
    remedy: 'Use "session" or a duration such as "30s" or "5m", up to the server\'s `limits.maxLifetimeMs`.',
  },
  INVALID_DISK_FILE: {
    status: 400,
    summary: "The file is not an exported disk, or was changed or cut off.",
    remedy: "Copy it again, or export the snapshot again.",
  },
  REGION_MISMATCH: {
    status: 400,
    summary: "This is in another region.",
    remedy: "Use the region of the server; GET /api/v1/info names it.",
  },
  INVALID_CURSOR: {
    status: 400,
    summary: "The page cursor was not issued by this server.",
    remedy: "Start again without `cursor`.",
  },
  CONCURRENCY_LIMIT: {
    status: 429,
    summary: "The organisation has reached its limit of concurrent sandboxes.",
    remedy: "End one with `sandkeep kill`, or raise `limits.sandboxesPerOrganisation` in the server's configuration.",
  },
  PAUSED_LIMIT: {
    status: 429,
    summary: "The organisation has reached its limit of paused sandboxes.",
    remedy:
      "Resume or end one (`sandkeep list` shows them), or raise `limits.pausedPerOrganisation` in the server's configuration.",
  },
  STORAGE_LIMIT: {
    status: 429,
    summary: "The organisation has reached its limit of volumes, snapshots or their size.",
    remedy:
      "Delete some with `sandkeep volumes delete --now`, or raise the limits under `storage` in the server's configuration.",
  },
  TRANSFER_LIMIT: {
    status: 429,
    summary: "The organisation has reached its limit of concurrent exports and imports.",
    remedy: "Wait until one of them has ended.",
  },
  DOOR_LIMIT: {
    status: 429,
    summary: "The sandbox has reached its limit of doors.",
    remedy: "List them with `sandkeep doors list`, and close one with `sandkeep doors close`.",
  },
  TERMINAL_LIMIT: {
    status: 429,
    summary: "There are too many web terminals, or links to new ones.",
    remedy: "Close one, or wait a minute until unused links have expired.",
  },
  CONNECTION_LIMIT: {
    status: 429,
    summary: "The sandbox has reached its limit of concurrent connections.",
    remedy: "Close one of them, or raise `limits.connectionsPerSandbox` in the server's configuration.",
  },
  INTERNAL: {
    status: 500,
    summary: "The server failed to handle the request.",
    remedy: "Look up the trace id in the server's log.",
  },
  DISK_DAMAGED: {
    status: 500,
    summary: "The data of a volume or snapshot is damaged.",
    remedy: "Create the volume again from a snapshot; the server's log has the details.",
  },
  NOT_SUPPORTED: {
    status: 501,
    summary: "This version of Sandkeep does not support this.",
    remedy: "See docs/limitations.md for what is missing and what comes next.",
  },
  DOOR_NOT_LISTENING: {
    status: 502,
    summary: "Nothing in the sandbox listens on this door's port.",
    remedy: "Start a server there, or wait until it is ready.",
  },
  DOOR_BAD_ANSWER: {
    status: 502,
    summary: "The server behind this door did not answer properly.",
    remedy: "Look at that server's own output.",
  },
  DOOR_BUSY: {
    status: 503,
    summary: "Too many requests are open at this door.",
    remedy: "Try again when some have ended.",
  },
  DOOR_PAUSED: {
    status: 503,
    summary: "The sandbox behind this address is paused.",
    remedy: "Resume it with `sandkeep resume` or Sandbox.resume(id), and try again.",
  },
  DOOR_NOT_WOKEN: {
    status: 503,
    summary: "The sandbox behind this address is paused, and could not be woken.",
    remedy: "Try again later. `sandkeep events --kind sandbox.resumed` shows its owner the reason.",
  },
  DOOR_TIMEOUT: {
    status: 504,
    summary: "The server behind this door did not answer in time.",
    remedy: "Look at that server's own output.",
  },
  NO_CAPACITY: {
    status: 503,
    summary: "The host has no room for another sandbox.",
    remedy: "Try again later, request less memory, or end a sandbox.",
  },
  NO_SPACE: {
    status: 507,
    summary: "The host's disk is full.",
    remedy: "Free space on that computer, or delete volumes and snapshots with `--now`.",
  },
  HOST_NOT_READY: {
    status: 503,
    summary: "The computer cannot run machines.",
    remedy: "Run `sandkeep doctor` on that computer for details.",
  },
  EGRESS_UNAVAILABLE: {
    status: 503,
    summary: "The change to what the sandbox may reach did not take effect.",
    remedy: "Try again; if it keeps failing, check the server's log and run `sandkeep doctor`.",
  },
  SHUTTING_DOWN: {
    status: 503,
    summary: "The server is shutting down.",
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
 * throw new ApiError("INVALID_CONFIG", "memory_mb must be between 768 and 4096, but is 64.");
 * ```
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ErrorCode;
  /** HTTP status. */
  readonly status: number;

  /** @param summary What happened, if it is more specific than the catalogue; the remedy is appended. */
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

import { ForkError, type ForkErrorCode, NoCapacity } from "@sandkeep/host";
import { ApiError, type ErrorCode } from "@sandkeep/protocol";
import { type AttachedDisk, NothingChanged } from "@sandkeep/store";
import { storageFailure } from "../storage/failures.ts";

const CODES: Record<ForkErrorCode, ErrorCode> = {
  UNKNOWN_MACHINE: "SANDBOX_NOT_FOUND",
  NOT_PAUSED: "CHANGED_MEANWHILE",
  INVALID_FORK: "INVALID_REQUEST",
  NOT_FORKABLE: "NOT_FORKABLE",
  HAS_VOLUMES: "SANDBOX_HAS_VOLUMES",
  CANNOT_RESUME: "CANNOT_RESUME",
};

/** The client's error for a fork, pause or resume that failed. */
export function forkFailure(cause: unknown, failed: string): ApiError {
  if (cause instanceof ApiError) return cause;
  if (cause instanceof ForkError) return new ApiError(CODES[cause.code], cause.message, { cause });
  if (cause instanceof NoCapacity) return new ApiError("NO_CAPACITY", cause.message, { cause });
  if (cause instanceof NothingChanged) return new ApiError("CHANGED_MEANWHILE", undefined, { cause });
  const storage = storageFailure(cause);
  return storage instanceof ApiError ? storage : new ApiError("INTERNAL", failed, { cause });
}

/** @throws {ApiError} `SANDBOX_HAS_VOLUMES`, with their names */
export function refuseVolumes(attached: readonly AttachedDisk[]): void {
  const volumes = attached.filter(({ exclusive }) => exclusive);
  if (volumes.length === 0) return;
  const names = volumes.map(({ slug, path }) => `${slug} at ${path ?? "the root"}`).join(", ");
  throw new ApiError(
    "SANDBOX_HAS_VOLUMES",
    `The sandbox has volumes (${names}), so it can be neither forked nor paused.`,
  );
}

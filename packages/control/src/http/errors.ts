import type { Logger } from "@sandkeep/common";
import { ApiError } from "@sandkeep/protocol";

/**
 * The error that a client gets. An error outside the catalogue is logged in full, and the client gets `INTERNAL`
 * without its message.
 */
export function toApiError(error: unknown, log: Logger, traceId: string): ApiError {
  if (error instanceof ApiError) {
    if (error.status >= 500) log.warn({ trace: traceId, code: error.code, err: error.cause }, error.message);
    return error;
  }
  log.error({ trace: traceId, err: error }, "a request failed");
  return new ApiError("INTERNAL");
}

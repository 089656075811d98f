/** Errors as clients see them: application errors (wire-protocol §5.2) and protocol failures (§5). */
import { GuestError, GuestGone } from "@sandkeep/host";
import { ApiError, type ErrorObject, RPC_ERRORS, type RpcErrorBody } from "@sandkeep/protocol";
import type { z } from "zod";

/** An application error: the call was valid, but failed. */
export class ApplicationError extends Error {
  override name = "ApplicationError";
  readonly object: ErrorObject;
  constructor(object: ErrorObject) {
    super(object.message);
    this.object = object;
  }
}

/** A protocol failure: an unknown method, invalid params, or a fault of the server. */
export class ProtocolError extends Error {
  override name = "ProtocolError";
  readonly body: RpcErrorBody;
  constructor(body: RpcErrorBody) {
    super(body.message);
    this.body = body;
  }
}

/** An error of one of the classes that clients know. */
export function applicationError(constructorName: string, message: string, code?: string): ApplicationError {
  return new ApplicationError({ constructorName, message, ...(code && { code }) });
}

/** What an aborted operation ends with. */
export function abortError(): ApplicationError {
  return new ApplicationError({
    constructorName: "DOMException",
    name: "AbortError",
    message: "The signal has been aborted",
  });
}

/** Both clients read exactly this class and code as "the process has already ended" (wire-protocol §5.2). */
export function noSuchProcess(pid: number): ApplicationError {
  return applicationError("TypeError", `There is no running process ${pid}`, "ENOENT");
}

/** Invalid params, in the form that the Python client reads: every issue has `expected` and a path of strings. */
export function invalidParams(error: z.ZodError): ProtocolError {
  const issues = error.issues.map((issue) => ({
    expected: "expected" in issue && typeof issue.expected === "string" ? issue.expected : issue.code,
    code: issue.code,
    path: issue.path.map(String),
    message: issue.message,
  }));
  const data = { constructorName: "ZodError", message: JSON.stringify(issues) };
  return new ProtocolError({ ...RPC_ERRORS.invalidParams, data });
}

/** How a failed call is answered: an application error as a result, anything else as a protocol failure. */
export function describeFailure(
  error: unknown,
): { error: ErrorObject } | { failure: RpcErrorBody; unexpected: boolean } {
  if (error instanceof ApplicationError || error instanceof GuestError) return { error: error.object };
  if (error instanceof ApiError) return { error: applicationError("Error", error.message, error.code).object };
  // `AbortSignal`'s default reason.
  if (error instanceof DOMException && error.name === "AbortError") return { error: abortError().object };
  if (error instanceof ProtocolError) return { failure: error.body, unexpected: false };
  if (error instanceof GuestGone)
    return {
      failure: { ...RPC_ERRORS.server, message: "The sandbox is no longer running: it has ended, or was paused." },
      unexpected: false,
    };
  return { failure: RPC_ERRORS.internal, unexpected: true };
}

/** Any error as an object for a stream's `error` or `cancel`. */
export function toErrorObject(error: unknown): ErrorObject {
  const described = describeFailure(error);
  return "error" in described ? described.error : { constructorName: "Error", message: described.failure.message };
}

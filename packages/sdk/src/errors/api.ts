import { SandboxSdkError } from "./base.ts";

/**
 * The REST API refused a request.
 *
 * Its `name` is `"ClientError"`, as programs written for `@deno/sandbox` expect; use `instanceof`.
 *
 * @example
 * ```ts
 * import { ApiError, Client } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const client = new Client({ token: "ddo_no_such_token" });
 * const error = await client.sandboxes.list().catch((error) => error);
 * assert.ok(error instanceof ApiError);
 * assert.equal(error.status, 401);
 * assert.equal(error.code, "INVALID_TOKEN");
 * ```
 */
export class ApiError extends Error {
  override name = "ClientError";
  /** HTTP status of the response. */
  status: number;
  /** The server's code for the reason, such as `INVALID_TOKEN`. */
  code: string;
  /** Id of the request in the server's log. */
  traceId?: string;

  constructor(status: number, code: string, message: string, traceId?: string) {
    super(traceId ? `${message} (Trace ID: ${traceId})` : message);
    this.status = status;
    this.code = code;
    if (traceId !== undefined) this.traceId = traceId;
  }
}

/**
 * The server refused to end a sandbox.
 *
 * @example
 * ```ts
 * import { Sandbox, SandboxKillError } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const sandbox = await Sandbox.create();
 * await sandbox.kill();
 * const again = await sandbox.kill().catch((error) => error);
 * assert.ok(again === undefined || again instanceof SandboxKillError);
 * ```
 */
export class SandboxKillError extends SandboxSdkError {
  override name = "SandboxKillError";
  /** HTTP status of the response. */
  status: number;
  /** Body of the response. */
  response: string;

  constructor(status: number, response: string) {
    super(`The sandbox could not be killed: ${status} ${response}`);
    this.status = status;
    this.response = response;
  }
}

/** A deployment could not be started, or its outcome could not be read. `cause` has the reason. */
export class DeployError extends SandboxSdkError {
  override name = "DeployError";

  constructor(message: string, { cause }: { cause?: unknown } = {}) {
    super(message, { cause });
  }
}

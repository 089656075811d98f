import { SandboxSdkError } from "./base.ts";

/**
 * The server answered, but refused to open the sandbox.
 *
 * @example
 * ```ts
 * import { ConnectionEstablishmentError, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const refusal = await Sandbox.connect("sbx_ord_00000000000000000000").catch((error) => error);
 * assert.ok(refusal instanceof ConnectionEstablishmentError);
 * assert.equal(refusal.status, 404);
 * assert.equal(refusal.code, "SANDBOX_NOT_FOUND");
 * ```
 */
export class ConnectionEstablishmentError extends SandboxSdkError {
  override name = "ConnectionEstablishmentError";
  /** HTTP status of the response. */
  status: number;
  /** The server's code for the reason, such as `SANDBOX_NOT_FOUND`. */
  code: string;
  /** Id of the request in the server's log. */
  traceId: string | undefined;

  /** Builds the message from the server's sentence, the status, the code and the trace id. */
  constructor(status: number, code: string, message: string, traceId?: string) {
    const details = [`status: ${status}`, `code: ${code}`, ...(traceId ? [`traceId: ${traceId}`] : [])];
    super(`${message} (${details.join(", ")})`);
    this.status = status;
    this.code = code;
    this.traceId = traceId;
  }
}

/**
 * The connection to the sandbox has ended: it was closed here, the sandbox stopped, or the network failed. Pending calls
 * and open streams fail with this error too.
 *
 * @example
 * ```ts
 * import { ConnectionClosedError, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const sandbox = await Sandbox.create();
 * await sandbox.close();
 * await assert.rejects(() => sandbox.fs.readTextFile("a.txt"), ConnectionClosedError);
 * ```
 */
export class ConnectionClosedError extends SandboxSdkError {
  override name = "ConnectionClosedError";
  /** WebSocket close code (RFC 6455, section 7.4), if known. */
  code: number | undefined;
  /** The reason that the server gave, if any. */
  reason: string | undefined;

  /** Without a code it is known that the connection is closed, but not why. */
  constructor(code?: number, reason?: string) {
    super(
      code === undefined
        ? "The connection to the sandbox is already closed"
        : `Connection closed (code: ${code}${reason ? `, reason: ${reason}` : ""})`,
    );
    this.code = code;
    this.reason = reason;
  }
}

/**
 * The server refused a call before it reached the sandbox: an unknown method, invalid parameters, or an internal error.
 *
 * @example
 * ```ts
 * import { RpcError, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const wrong = 42 as unknown as string;
 * const error = await sandbox.env.get(wrong).catch((error) => error);
 * assert.ok(error instanceof RpcError);
 * assert.equal(error.code, -32602); // JSON-RPC 2.0, "Invalid params"
 * ```
 */
export class RpcError extends SandboxSdkError {
  override name = "RpcError";
  /** JSON-RPC 2.0 error code. */
  code: number;
  /** Details from the server; for invalid parameters, which ones and why. */
  data?: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/**
 * The server cannot be reached: nothing listens there, the name does not resolve, or the network is down. `cause` has the
 * system's error.
 *
 * @example
 * ```ts
 * import { Client, NetworkError } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const client = new Client({ apiEndpoint: "http://127.0.0.1:1", token: "ddo_example" });
 * await assert.rejects(() => client.sandboxes.list(), NetworkError);
 * ```
 */
export class NetworkError extends SandboxSdkError {
  override name = "NetworkError";

  constructor(message: string, { cause }: { cause?: unknown } = {}) {
    super(message, { cause });
  }
}

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
  /** HTTP status of the refusal. */
  status: number;
  /** The server's code for the reason, such as `SANDBOX_NOT_FOUND`. */
  code: string;
  /** Names the request in the server's log. */
  traceId: string | undefined;

  /** Composes the message out of the server's sentence, the status, the code and the trace id. */
  constructor(status: number, code: string, message: string, traceId?: string) {
    const details = [`status: ${status}`, `code: ${code}`, ...(traceId ? [`traceId: ${traceId}`] : [])];
    super(`${message} (${details.join(", ")})`);
    this.status = status;
    this.code = code;
    this.traceId = traceId;
  }
}

/**
 * The connection to the sandbox has ended: it was closed here, the sandbox stopped, or the network failed. Calls that were
 * under way and streams that were open fail with it too.
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
  /** What the server said about it, if it said anything. */
  reason: string | undefined;

  /** Without a code the connection is known to be closed, but not how. */
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
 * The server refused a call before it reached the sandbox: an unknown method, parameters that do not fit, an internal fault.
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
  /** Whatever the server added; for invalid parameters, which ones and why. */
  data?: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/**
 * The server cannot be reached: nothing listens, the name does not resolve, the network is down. `cause` has the system's error.
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

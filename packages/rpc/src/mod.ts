/** Serving the client-facing RPC protocol on one WebSocket (wire-protocol §4.3 to §7). */

export { RPC_LIMITS, type RpcLimits } from "./limits.ts";
export { SandboxSession, type SessionOptions } from "./sandbox-state.ts";
export { type RpcConnection, type RpcContext, serveRpc } from "./serve.ts";

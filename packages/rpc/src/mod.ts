/** A client's connection to a sandbox: the RPC protocol that clients speak (wire-protocol §4.3 to §7), and what it runs on. */
export type {
  Closing,
  Connection,
  Liveness,
  MessageConnection,
  TcpEndpoints,
} from "./connection/connection.ts";
export { WebSocketConnection } from "./connection/websocket-connection.ts";
export type { ExposeHttp } from "./connection-state.ts";
export { HostedProgram, type HostedProgramOptions } from "./deno/hosted-program.ts";
export { RPC_LIMITS, type RpcLimits } from "./limits.ts";
export { SandboxState, type SandboxStateOptions } from "./sandbox-state.ts";
export { type RpcContext, serveRpc } from "./serve.ts";

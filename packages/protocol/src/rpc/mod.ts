/** The RPC contract: envelope, methods, streams, errors (wire-protocol §5 to §7). */
export { EXTENSIONS } from "./deno.ts";
export { type ErrorObject, errorObjectSchema } from "./error-object.ts";
export {
  type ApplicationResult,
  CLOSE,
  PING,
  PONG,
  type Request as RpcRequest,
  type RequestId,
  requestIdSchema,
  requestSchema,
  type Response as RpcResponse,
  RPC_ERRORS,
  type RpcErrorBody,
} from "./json-rpc.ts";
export { type RpcDecodedParams, type RpcMethod, rpcMethods, type RpcParams, type RpcResult } from "./methods.ts";
export { STREAM_ID_LIMIT, STREAM_METHODS, streamNotifications, WATCHER_RESTART_METHOD } from "./streams.ts";
export { decodeBase64 } from "./values.ts";

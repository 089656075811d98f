/** The RPC contract: envelope, methods, streams, errors (wire-protocol §5 to §7). */
export { EXTENSIONS } from "./deno.ts";
export { type RpcDocument, rpcDocument } from "./document.ts";
export { type ErrorObject, errorObjectSchema } from "./error-object.ts";
export type { DirEntry, FileInfo, WalkEntry } from "./files.ts";
export {
  type ApplicationResult,
  CLOSE,
  PING,
  PONG,
  type Request as RpcRequest,
  type RequestId,
  type Response as RpcResponse,
  RPC_ERRORS,
  type RpcErrorBody,
  requestIdSchema,
  requestSchema,
} from "./json-rpc.ts";
export { type RpcDecodedParams, type RpcMethod, type RpcParams, type RpcResult, rpcMethods } from "./methods.ts";
export { STREAM_ID_LIMIT, STREAM_METHODS, streamNotifications, WATCHER_RESTART_METHOD } from "./streams.ts";
export { decodeBase64 } from "./values.ts";

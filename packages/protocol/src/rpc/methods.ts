import { z } from "zod";
import { denoMethods } from "./deno.ts";
import { environmentMethods } from "./environment.ts";
import { extensionMethods } from "./extensions.ts";
import { fileMethods } from "./files.ts";
import { handleMethods } from "./handles.ts";
import { method } from "./method.ts";
import { networkMethods } from "./network.ts";
import { processMethods } from "./processes.ts";
import { idSchema } from "./values.ts";

/** Every RPC method, by name (wire-protocol §7). */
export const rpcMethods = {
  /** Cancels the call that carried the same `abortId`. Unknown ids are ignored. */
  abort: method(z.object({ abortId: idSchema }), z.null()),
  ...fileMethods,
  ...handleMethods,
  ...processMethods,
  ...denoMethods,
  ...networkMethods,
  ...environmentMethods,
  ...extensionMethods,
};

export type RpcMethod = keyof typeof rpcMethods;
/** Params as a client sends them. */
export type RpcParams<M extends RpcMethod> = z.input<(typeof rpcMethods)[M]["params"]>;
/** Params as the server sees them: decoded, `null` gone. */
export type RpcDecodedParams<M extends RpcMethod> = z.output<(typeof rpcMethods)[M]["params"]>;
/** A call's result, inside `ok`. */
export type RpcResult<M extends RpcMethod> = z.input<(typeof rpcMethods)[M]["result"]>;

import type { RpcDecodedParams, RpcMethod, RpcResult } from "@sandkeep/protocol";
import type { ConnectionState } from "./connection-state.ts";

/** A call, from its method's point of view. */
export interface Call {
  /**
   * Takes `bytes` from the memory for results that are held as a whole, waiting until they are free. They are returned
   * when the call's answer has been sent.
   */
  hold(bytes: number): Promise<void>;
}

/** Runs a method. `undefined` is answered as null. */
export type Handler<M extends RpcMethod> = (
  state: ConnectionState,
  params: RpcDecodedParams<M>,
  call: Call,
) => Promise<RpcResult<M>> | RpcResult<M>;

/** One handler for each method. */
export type Handlers<M extends RpcMethod = RpcMethod> = { [K in M]: Handler<K> };

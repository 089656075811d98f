/** The SDK's calls have the names, fields and values of the API's methods. */
import type { RpcMethod, RpcParams, RpcResult } from "../../packages/protocol/src/mod.ts";
import type { Method, Params, Value } from "../../packages/sdk/src/transport/methods.ts";
import type { All, Equal, Expect, Given } from "./types.ts";

export type EveryMethodIsThere = Expect<Equal<Exclude<Method, RpcMethod>, never>>;
/** Methods that only other clients call. */
export type MethodsNotCalled = Expect<Equal<Exclude<RpcMethod, Method>, "sandkeep.processList">>;

/** Without the methods that carry arbitrary JSON, and `envToObject`, which has no params. */
type Typed = Exclude<Method, "denoReplEval" | "denoReplCall" | "envToObject">;
export type ServerTakesParams = Expect<All<{ [M in Typed]: Params<M> extends RpcParams<M> ? true : false }>>;
export type SameValues = Expect<All<{ [M in Typed]: Equal<Given<Value<M>>, Given<RpcResult<M>>> }>>;

/** Names of all fields and of those under `options`, in any member of a union. */
type Fields<T> = T extends unknown ? keyof T | (T extends { options?: infer O } ? keyof NonNullable<O> : never) : never;
/** Fields of one side only: the Python client's `size`, and options of VS Code that the server ignores. */
interface OneSided {
  fileTruncate: "size";
  vscode: "env" | "preview" | "disableStopButton" | "editorSettings";
}
type Common<M extends Typed, T> = Exclude<Fields<T>, M extends keyof OneSided ? OneSided[M] : never>;
export type SameFields = Expect<All<{ [M in Typed]: Equal<Common<M, Params<M>>, Common<M, RpcParams<M>>> }>>;

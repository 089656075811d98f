/** The published SDK may not depend on private packages, so it repeats types of the API. This file compares them. */
import type * as Api from "../../packages/protocol/src/mod.ts";
import type * as Sdk from "../../packages/sdk/src/mod.ts";
import type { ErrorObject } from "../../packages/sdk/src/transport/error-object.ts";
import type { WireExit, WireFileInfo } from "../../packages/sdk/src/transport/methods.ts";
import type { All, Equal, Expect, Given } from "./types.ts";

/** Dates are text in JSON. */
type Sent<T> = { [K in keyof T]: T[K] extends Date ? string : T[K] extends Date | null ? string | null : T[K] };
/** An event as the SDK returns it: without the actor and the outcome, and with a date. */
type Logged<Kind extends Api.EgressActivity["kind"]> = { id: string; kind: Kind; startedAt: Date } & Omit<
  Extract<Api.EgressActivity, { kind: Kind }>["data"],
  "at"
>;

export type SameData = Expect<
  All<{
    FileInfo: Equal<WireFileInfo, Api.FileInfo>;
    DirEntry: Equal<Sdk.DirEntry, Api.DirEntry>;
    SandboxMetadata: Equal<Omit<Sent<Sdk.SandboxMetadata>, "region">, Omit<Api.SandboxMetadata, "region">>;
    WalkEntry: Equal<Sdk.WalkEntry, Api.WalkEntry>;
    ExitStatus: Equal<Given<WireExit>, Given<Api.RpcResult<"processWait">>>;
    ErrorObject: Equal<Given<ErrorObject>, Given<Api.ErrorObject>>;
    RequestRule: Equal<Given<Sdk.RequestRule>, Given<Api.RequestRule>>;
    EgressState: Equal<Omit<Sdk.EgressState, "rules">, Omit<Api.EgressView, "rules">>;
    SecretUpdate: Equal<Given<Sdk.SecretUpdate>, Given<Api.SecretRequest>>;
    EgressHttpEvent: Equal<Sdk.EgressHttpEvent, Logged<"http">>;
    EgressConnectionEvent: Equal<Sdk.EgressConnectionEvent, Logged<"connection">>;
    EgressDnsEvent: Equal<Sdk.EgressDnsEvent, Logged<"dns">>;
  }>
>;
export type SameEgressKinds = Expect<Equal<Sdk.EgressEvent["kind"], Api.EgressActivity["kind"]>>;

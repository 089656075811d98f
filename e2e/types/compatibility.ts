/** Compares the types of both clients. The test is that this file passes the type check. */
import type * as Official from "@deno/sandbox";
import type * as Sandkeep from "sandkeep";

type Expect<T extends true> = T;
/** Whether each is assignable to the other. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
/** Our type also accepts `undefined` where theirs has an optional property. */
type Lenient<T> = { [K in keyof T]: T[K] | undefined };
type All<T extends Record<string, boolean>> = T[keyof T] extends true
  ? true
  : { [K in keyof T as T[K] extends true ? never : K]: "differs" };

/** Values that are exported by name. */
export type EveryExport = Expect<Same<Exclude<keyof typeof Official, keyof typeof Sandkeep>, never>>;

/** Plain data has the same type in both. */
export type SameData = Expect<
  All<{
    App: Same<Official.App, Sandkeep.App>;
    AppConfig: Same<Official.AppConfig, Sandkeep.AppConfig>;
    AppInit: Same<Official.AppInit, Sandkeep.AppInit>;
    AppListOptions: Same<Official.AppListOptions, Sandkeep.AppListOptions>;
    AppLogsOptions: Same<Official.AppLogsOptions, Sandkeep.AppLogsOptions>;
    AppUpdate: Same<Official.AppUpdate, Sandkeep.AppUpdate>;
    BaseClientOptions: Same<Lenient<Official.BaseClientOptions>, Lenient<Sandkeep.BaseClientOptions>>;
    BuildLog: Same<Official.BuildLog, Sandkeep.BuildLog>;
    BuildLogsOptions: Same<Official.BuildLogsOptions, Sandkeep.BuildLogsOptions>;
    BuildOptions: Same<Official.BuildOptions, Sandkeep.BuildOptions>;
    ChildProcessOutput: Same<Official.ChildProcessOutput, Sandkeep.ChildProcessOutput>;
    ChildProcessStatus: Same<Official.ChildProcessStatus, Sandkeep.ChildProcessStatus>;
    CodeExtension: Same<Official.CodeExtension, Sandkeep.CodeExtension>;
    ConnectOptions: Same<Lenient<Official.ConnectOptions>, Lenient<Sandkeep.ConnectOptions>>;
    DenoReplOptions: Same<Official.DenoReplOptions, Sandkeep.DenoReplOptions>;
    DenoRunOptions: Same<Official.DenoRunOptions, Sandkeep.DenoRunOptions>;
    DeployInit: Same<Official.DeployInit, Sandkeep.DeployInit>;
    DeployOptions: Same<Official.DeployOptions, Sandkeep.DeployOptions>;
    DeployRevision: Same<Official.DeployRevision, Sandkeep.DeployRevision>;
    DirEntry: Same<Official.DirEntry, Sandkeep.DirEntry>;
    EnvVarUpdate: Same<Official.EnvVarUpdate, Sandkeep.EnvVarUpdate>;
    ExpandGlobOptions: Same<Official.ExpandGlobOptions, Sandkeep.ExpandGlobOptions>;
    FileInfo: Same<Official.FileInfo, Sandkeep.FileInfo>;
    Layer: Same<Official.Layer, Sandkeep.Layer>;
    LayerAppRef: Same<Official.LayerAppRef, Sandkeep.LayerAppRef>;
    LayerInit: Same<Official.LayerInit, Sandkeep.LayerInit>;
    LayerUpdate: Same<Official.LayerUpdate, Sandkeep.LayerUpdate>;
    Layers: Same<Official.Layers, Sandkeep.Layers>;
    Memory: Same<Official.Memory, Sandkeep.Memory>;
    MkdirOptions: Same<Official.MkdirOptions, Sandkeep.MkdirOptions>;
    OpenOptions: Same<Official.OpenOptions, Sandkeep.OpenOptions>;
    ReadFileOptions: Same<Official.ReadFileOptions, Sandkeep.ReadFileOptions>;
    RemoveOptions: Same<Official.RemoveOptions, Sandkeep.RemoveOptions>;
    Revision: Same<Official.Revision, Sandkeep.Revision>;
    RevisionProgress: Same<Official.RevisionProgress, Sandkeep.RevisionProgress>;
    Revisions: Same<Official.Revisions, Sandkeep.Revisions>;
    RuntimeLog: Same<Official.RuntimeLog, Sandkeep.RuntimeLog>;
    SandboxEnv: Same<Official.SandboxEnv, Sandkeep.SandboxEnv>;
    // Ours can also be paused.
    SandboxMetadata: Same<Omit<Official.SandboxMetadata, "status">, Omit<Sandkeep.SandboxMetadata, "status">>;
    SandboxStatus: Same<Official.SandboxMetadata["status"], Exclude<Sandkeep.SandboxMetadata["status"], "paused">>;
    // Ours also takes read-only volumes.
    SandboxOptions: Same<
      Lenient<Omit<Official.SandboxOptions, "volumes">>,
      Lenient<Omit<Sandkeep.SandboxOptions, "volumes">>
    >;
    SandboxesListOptions: Same<Official.SandboxesListOptions, Sandkeep.SandboxesListOptions>;
    SecretConfig: Same<Official.SecretConfig, Sandkeep.SecretConfig>;
    Signal: Same<Official.Signal, Sandkeep.Signal>;
    SnapshotInit: Same<Official.SnapshotInit, Sandkeep.SnapshotInit>;
    SpawnOptions: Same<Official.SpawnOptions, Sandkeep.SpawnOptions>;
    Timeline: Same<Official.Timeline, Sandkeep.Timeline>;
    Timelines: Same<Official.Timelines, Sandkeep.Timelines>;
    VolumeInit: Same<Official.VolumeInit, Sandkeep.VolumeInit>;
    VsCodeOptions: Same<Official.VsCodeOptions, Sandkeep.VsCodeOptions>;
    WalkEntry: Same<Official.WalkEntry, Sandkeep.WalkEntry>;
    WalkOptions: Same<Official.WalkOptions, Sandkeep.WalkOptions>;
    WriteFileOptions: Same<Official.WriteFileOptions, Sandkeep.WriteFileOptions>;
    Apps: Same<Official.Apps, Sandkeep.Apps>;
  }>
>;

/**
 * Classes have private state, so they are never assignable to each other as a whole. Each method can be compared: ours
 * accepts what theirs accepts, and returns what theirs returns, unless that is such a class itself.
 */
type Methods<Theirs, Ours> = {
  [K in keyof Theirs & string]: K extends keyof Ours ? Replaces<Theirs[K], Ours[K]> : false;
};
type Replaces<Theirs, Ours> = [Theirs, Ours] extends [
  (...args: infer Args) => infer Result,
  (...args: infer OurArgs) => infer OurResult,
]
  ? [Args] extends [OurArgs]
    ? Gives<OurResult, Result>
    : false
  : Gives<Ours, Theirs>;
type Gives<Ours, Theirs> = [Unwrapped<Theirs>] extends [Nominal] ? true : [Ours] extends [Theirs] ? true : false;
type Unwrapped<T> = [T] extends [Promise<infer U>] ? Unwrapped<NonNullable<U>> : T;
type Nominal =
  | Official.Sandbox
  | Official.ChildProcess
  | Official.FsFile
  | Official.KillSignal
  | Official.Volume
  | Official.Snapshot
  | Official.VsCode
  | Official.SandboxFs
  | Official.SandboxDeno
  | Official.Volumes
  | Official.Snapshots
  | Official.Sandboxes
  | Official.PaginatedList<Official.Volume | Official.Snapshot>
  | ReturnType<Official.Sandbox["sh"]>
  | Awaited<ReturnType<ReturnType<Official.Sandbox["sh"]>["spawn"]>>
  | Official.KillController;

export type SameSandbox = Expect<All<Methods<Official.Sandbox, Sandkeep.Sandbox>>>;
export type SameSandboxFs = Expect<All<Methods<Official.SandboxFs, Sandkeep.SandboxFs>>>;
export type SameSandboxDeno = Expect<All<Methods<Official.SandboxDeno, Sandkeep.SandboxDeno>>>;
export type SameChildProcess = Expect<All<Methods<Official.ChildProcess, Sandkeep.ChildProcess>>>;
export type SameDenoProcess = Expect<All<Methods<Official.DenoProcess, Sandkeep.DenoProcess>>>;
export type SameDenoRepl = Expect<All<Methods<Official.DenoRepl, Sandkeep.DenoRepl>>>;
export type SameClient = Expect<All<Methods<Official.Client, Sandkeep.Client>>>;
export type SameVolume = Expect<All<Methods<Official.Volume, Sandkeep.Volume>>>;
export type SameSnapshot = Expect<All<Methods<Official.Snapshot, Sandkeep.Snapshot>>>;
export type SameApiError = Expect<All<Methods<Official.ApiError, Sandkeep.ApiError>>>;
export type SameRpcError = Expect<All<Methods<Official.RpcError, Sandkeep.RpcError>>>;
export type SameConnectionEstablishmentError = Expect<
  All<Methods<Official.ConnectionEstablishmentError, Sandkeep.ConnectionEstablishmentError>>
>;
export type SameConnectionClosedError = Expect<
  All<Methods<Official.ConnectionClosedError, Sandkeep.ConnectionClosedError>>
>;
export type SameSandboxKillError = Expect<All<Methods<Official.SandboxKillError, Sandkeep.SandboxKillError>>>;
export type SameSandboxCommandError = Expect<All<Methods<Official.SandboxCommandError, Sandkeep.SandboxCommandError>>>;

type Builder<S extends { sh: (...args: never) => unknown }> = Omit<ReturnType<S["sh"]>, "signal" | "then">;
export type SameBuilder = Expect<All<Methods<Builder<Official.Sandbox>, Builder<Sandkeep.Sandbox>>>>;
export type SameFile = Expect<All<Methods<Omit<Official.FsFile, "seek">, Sandkeep.FsFile>>>;

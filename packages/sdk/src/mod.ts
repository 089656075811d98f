/**
 * Sandboxes on machines you own: the same API as `@deno/sandbox`, and what Sandkeep adds to it.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * assert.equal(await sandbox.sh`echo hello`.text(), "hello\n");
 * ```
 *
 * @module
 */
export type * from "./apps/mod.ts";
export { Client } from "./client/client.ts";
export type * from "./client/sandboxes.ts";
export { SandboxCommandBuilder } from "./command/builder.ts";
export { SandboxCommandChild } from "./command/child.ts";
export { KillController, KillSignal, type KillSignalListener } from "./command/kill-signal.ts";
export type { SandboxCommandResult, ShellPipeKind } from "./command/result.ts";
export type { SandboxDeno } from "./deno/deno.ts";
export type { Build, BuildOptions, DeployOptions } from "./deno/deploy-options.ts";
export type { CodeExtension, DenoReplOptions, DenoRunOptions } from "./deno/options.ts";
export { DenoProcess } from "./deno/process.ts";
export { DenoRepl } from "./deno/repl.ts";
export type { SandboxEgress } from "./egress/sandbox-egress.ts";
export type * from "./egress/types.ts";
export type { SandboxEnv } from "./env/env.ts";
export * from "./errors/mod.ts";
export type { RequestInit } from "./fetch/request-init.ts";
export { FsFile } from "./fs/file.ts";
export type { SandboxFs } from "./fs/sandbox-fs.ts";
export { SeekMode } from "./fs/seek-mode.ts";
export type { TransferOptions } from "./fs/transfer/options.ts";
export type {
  DirEntry,
  ExpandGlobOptions,
  FileInfo,
  MkdirOptions,
  OpenOptions,
  ReadFileOptions,
  RemoveOptions,
  TempOptions,
  WalkEntry,
  WalkOptions,
  WriteFileOptions,
} from "./fs/types.ts";
export { ChildProcess } from "./process/child-process.ts";
export { type PtyOptions, PtyProcess } from "./process/pty.ts";
export type { Signal } from "./process/signal.ts";
export type { SpawnOptions } from "./process/spawn-options.ts";
export type { ChildProcessOutput, ChildProcessStatus } from "./process/status.ts";
export type * from "./rest/pagination.ts";
export type * from "./rest/region.ts";
export type { BaseClientOptions } from "./rest/settings.ts";
export type { ForkOptions } from "./sandbox/continuing.ts";
export type { ExposeHttpOptions, ExposeSshOptions, SshAccess } from "./sandbox/exposure.ts";
export type { Memory } from "./sandbox/memory.ts";
export type { ConnectOptions, ResumeOptions, SandboxOptions, SecretConfig, VsCodeOptions } from "./sandbox/options.ts";
export { Sandbox } from "./sandbox/sandbox.ts";
export { VsCode } from "./sandbox/vscode.ts";
export type { MountedVolume, SandboxVolumes } from "./volumes/sandbox-volumes.ts";
export { Snapshot } from "./volumes/snapshot.ts";
export type * from "./volumes/types.ts";
export { Volume } from "./volumes/volume.ts";
export type * from "./volumes/volumes.ts";

/**
 * The calls of this client in their form on the wire, as `[params, value]` by method. Bytes are base64, dates are ISO 8601
 * strings. Absent fields and null mean the same.
 */

import type { CodeExtension } from "../deno/options.ts";
import type { DirEntry, ExpandGlobOptions, FileInfo, OpenOptions, WalkOptions } from "../fs/types.ts";

type None = Record<never, never>;
type Path = { path: string };
type Abortable = { abortId?: number | undefined };
type Handle = { fileHandleId: number };

/** Metadata of a file: its times are text. */
export type WireFileInfo = { [K in keyof FileInfo]: FileInfo[K] extends Date ? string : FileInfo[K] };

/** A regular expression. */
export interface WireRegExp {
  source: string;
  flags: string;
}

/** How a process ended. */
export interface WireExit {
  success: boolean;
  code: number;
  signal: string | null;
  oom?: "high-confidence" | "low-confidence" | null;
  memoryMiB?: number | undefined;
}

type Stdio = { stdinStreamId?: number | undefined; stdout: "piped" | "null"; stderr: "piped" | "null" };
type Surroundings = {
  env?: Record<string, string> | undefined;
  clearEnv?: boolean | undefined;
  cwd?: string | undefined;
};
type Spawned = { pid: number; stdoutStreamId: number | null; stderrStreamId: number | null };
type WriteOptions = { append?: boolean; create?: boolean; createNew?: boolean; mode?: number };
type Write = Path &
  Abortable & { options?: WriteOptions | undefined } & ({ content: string } | { contentStreamId: number });
type TempOptions = { options?: { dir?: string; prefix?: string; suffix?: string } | undefined };

/** Filters of a walk: JSON has neither regular expressions nor Infinity. */
type WireWalk = Omit<WalkOptions, "maxDepth" | "match" | "skip"> & {
  maxDepth?: number | undefined;
  match?: WireRegExp[] | undefined;
  skip?: WireRegExp[] | undefined;
};

export interface Methods {
  abort: [{ abortId: number }, null];

  readFile: [Path & Abortable, string];
  readTextFile: [Path & Abortable, string];
  writeFile: [Write, null];
  writeTextFile: [Write, null];
  readDir: [Path, DirEntry[]];
  remove: [Path & { options?: { recursive?: boolean } | undefined }, null];
  mkdir: [Path & { options?: { recursive?: boolean; mode?: number } | undefined }, null];
  rename: [{ oldPath: string; newPath: string }, null];
  stat: [Path, WireFileInfo];
  lstat: [Path, WireFileInfo];
  chmod: [Path & { mode: number }, null];
  chown: [Path & { uid: number | null; gid: number | null }, null];
  copyFile: [{ fromPath: string; toPath: string }, null];
  link: [Path & { target: string }, null];
  symlink: [Path & { target: string; options?: { type?: "file" | "dir" | "junction" } | undefined }, null];
  readLink: [Path, string];
  realPath: [Path, string];
  makeTempDir: [TempOptions, string];
  makeTempFile: [TempOptions, string];
  truncate: [{ name: string; length?: number | undefined }, null];
  umask: [{ mask?: number | undefined }, number];
  utime: [Path & { atime: string; mtime: string }, null];
  walk: [Path & WireWalk, { streamId: number }];
  expandGlob: [{ glob: string } & ExpandGlobOptions, { streamId: number }];

  open: [Path & { options?: OpenOptions | undefined }, Handle];
  create: [Path, Handle];
  fileClose: [Handle, null];
  fileSync: [Handle, null];
  fileSyncData: [Handle, null];
  fileLock: [Handle & { exclusive?: boolean | undefined }, null];
  fileUnlock: [Handle, null];
  fileRead: [Handle & { length: number }, { data: string | null }];
  fileWrite: [Handle & { data: string }, { bytesWritten: number }];
  fileSeek: [Handle & { offset: number | string; whence: 0 | 1 | 2 }, { position: number }];
  fileStat: [Handle, WireFileInfo];
  fileTruncate: [Handle & { len?: number | undefined }, null];
  fileUtime: [Handle & { atime: string; mtime: string }, null];

  spawn: [{ command: string; args?: string[] | undefined } & Surroundings & Stdio, Spawned];
  processWait: [{ pid: number; vscode?: true }, WireExit];
  processKill: [{ pid: number; signal?: string | undefined; vscode?: true }, null];

  spawnDeno: [
    { scriptArgs?: string[] | undefined } & Surroundings &
      Stdio &
      ({ entrypoint: string; watch?: boolean | string[] | undefined } | { code: string; extension: CodeExtension }),
    Spawned & { watcherId: string | null },
  ];
  spawnDenoRepl: [{ scriptArgs?: string[] | undefined } & Surroundings & Stdio, Spawned];
  denoHttpWait: [{ pid: number }, boolean];
  denoReplEval: [{ pid: number; code: string }, unknown];
  denoReplCall: [{ pid: number; fn: string; args: unknown[] }, unknown];
  denoReplClose: [{ pid: number }, null];

  fetch: [
    {
      url: string;
      method: string;
      headers: [string, string][];
      redirect: "follow" | "manual";
      bodyStreamId?: number | undefined;
      pid?: number | undefined;
    } & Abortable,
    { status: number; statusText: string; headers: [string, string][]; bodyStreamId: number | null },
  ];

  envGet: [{ key: string }, string | null];
  envSet: [{ key: string; value: string }, null];
  envDelete: [{ key: string }, null];
  envToObject: [None, Record<string, string>];

  exposeHttp: [{ domain: string } & ({ port: number } | { pid: number }), null];
  vscode: [
    {
      path: string;
      env: Record<string, string>;
      extensions: string[];
      preview?: string | undefined;
      disableStopButton?: boolean | undefined;
      editorSettings?: Record<string, unknown> | undefined;
    },
    { pid: number; port: number; stdoutStreamId: number; stderrStreamId: number },
  ];

  /** Sandkeep's own: the content as a stream, of any size. */
  "sandkeep.readFileStream": [Path & Abortable & { window: number }, { size: number; streamId: number }];
  /** Sandkeep's own: a directory as an archive. */
  "sandkeep.readTree": [Path & { window: number }, { streamId: number }];
  /** Sandkeep's own: an archive as a directory. */
  "sandkeep.writeTree": [Path & Abortable & { contentStreamId: number }, { files: number; bytes: number }];
  /** Sandkeep's own: more of a stream with a window has been read. */
  "sandkeep.streamTaken": [{ streamId: number; bytes: number }, null];
  /** Sandkeep's own: a process on its own terminal. */
  "sandkeep.spawnPty": [
    {
      command: string;
      args?: string[] | undefined;
      cols: number;
      rows: number;
      term?: string | undefined;
      stdinStreamId: number;
    } & Surroundings,
    { pid: number; stdoutStreamId: number },
  ];
  /** Sandkeep's own: the terminal has a new size. */
  "sandkeep.ptyResize": [{ pid: number; cols: number; rows: number }, null];
}

export type Method = keyof Methods;
export type Params<M extends Method> = Methods[M][0];
export type Value<M extends Method> = Methods[M][1];

/** JSON-RPC 2.0, section 5.1. */
export const METHOD_NOT_FOUND = -32601;

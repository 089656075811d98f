/**
 * The guest's contract: everything the host may ask of the agent inside a microVM.
 *
 * ## Transport
 *
 * One byte stream (virtio-serial port `sandkeep.control`), on which the host is an HTTP/2 client with prior knowledge.
 *
 * Before HTTP/2 both ends agree where the stream begins, because a serial port may still hold bytes of an earlier
 * connection: the host writes `HELLO_MAGIC` and a 16 byte random nonce, the agent skips everything up to the magic and
 * answers `READY_MAGIC` and the same nonce; the host skips everything up to that. HTTP/2 follows in both directions.
 *
 * - A **call** is `POST /call/<method>`: the body is the params as JSON (at most {@link MAX_CALL_BYTES}), the answer is
 *   status 200 and {@link Outcome} as JSON.
 * - A **stream** is `POST /stream/<method>`: the request body starts with a *prefix message* (32 bit big-endian length,
 *   then that many bytes of JSON) holding the params; the response body starts with a prefix message holding an
 *   {@link Outcome} of the head. The rest of each body is raw bytes whose meaning the method defines. An error after the
 *   head follows the bytes as the trailer {@link FAULT_TRAILER}. Resetting the HTTP/2 stream cancels the operation.
 *
 * The agent trusts the host. The host never trusts the agent: every outcome is checked against its schema
 * (`schema.ts`), and a violation ends the machine.
 *
 * File handles and listeners belong to the HTTP/2 connection that opened them and are closed with it; processes and the
 * environment belong to the machine.
 *
 * The Go side of this file is `guest/internal/contract`; `scripts/agreements/guest.test.ts` compares the two.
 */

import type { DirEntry, ErrorObject, FileInfo } from "@sandkeep/protocol";

export type { DirEntry, FileInfo, WalkEntry } from "@sandkeep/protocol";
export { HELLO_MAGIC, NONCE_BYTES, READY_MAGIC } from "@sandkeep/serial";

/** Largest params and largest outcome of a call, and largest params of a stream, in bytes. */
export const MAX_CALL_BYTES = 16 * 1024 * 1024;
/** Largest head of a stream, in bytes: there can be thousands of streams. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** The same for one method: what `fetch` returns has headers of any length. */
export function maxHeadBytes(method: keyof GuestStreams): number {
  return method === "fetch" ? MAX_CALL_BYTES : MAX_HEAD_BYTES;
}

/** The trailer of a stream that failed after its head: a {@link GuestErrorObject} as JSON, in base64. */
export const FAULT_TRAILER = "sandkeep-fault";

/** Names of the virtio-serial ports, in the order in which they are attached. */
export const PORTS = { control: "sandkeep.control", egress: "sandkeep.egress" } as const;

/** The form of every answer: a value, or an error in the form that the platform's clients know. */
export type Outcome<T> = { ok: T } | { error: GuestErrorObject };

/** An application error in Deno's vocabulary (wire-protocol §5.2), as far as the agent knows it. */
export type GuestErrorObject = Pick<ErrorObject, "constructorName" | "message" | "code" | "name">;

/** Gives a clone its own identity. Sent as soon as a machine is assigned to a sandbox. */
export interface Identity {
  /** Wall-clock time, nanoseconds since 1970, as a decimal string. */
  unixTimeNs: string;
  /** Base64 of at least 32 random bytes. The kernel's generator is credited with them and reseeded. */
  entropy: string;
  hostname: string;
  /** 32 lowercase hexadecimal digits, for /etc/machine-id. */
  machineId: string;
  /** Sandbox-wide environment, added to the image's defaults. */
  env: Record<string, string>;
  /**
   * Authorities to trust besides the image's, one PEM certificate each: the installation's own first, then private ones
   * that the egress proxy trusts. The variables that some programs need for this are set unless they are already set.
   * Absent: those of an earlier identity stay trusted.
   */
  caCertificates?: string[] | undefined;
}

export interface ExitStatus {
  success: boolean;
  /** Exit code; 128 + n if signal n ended the process. */
  code: number;
  /** Name of the signal that ended it, such as `SIGTERM`. */
  signal: string | null;
  /**
   * Set only with code 137. High confidence: the kernel's log names this process. Low: something was OOM-killed during
   * its lifetime.
   */
  oom: "high-confidence" | "low-confidence" | null;
}

export interface SpawnParams {
  command: string;
  args?: string[] | undefined;
  env?: Record<string, string> | undefined;
  clearEnv?: boolean | undefined;
  /** Relative paths are relative to /home/app, the default. */
  cwd?: string | undefined;
  /** Default `null`: /dev/null. */
  stdin?: "piped" | "null" | undefined;
  stdout?: "piped" | "null" | undefined;
  stderr?: "piped" | "null" | undefined;
  /** A pipe pair for the platform's own tools: the process writes to fd 3 and reads from fd 4. */
  channel?: boolean | undefined;
  /**
   * For `deno repl --json`: fd 3 is one end of a socket pair that carries `socket` frames in both directions. The
   * process then reports on fd 4 instead of fd 3 (`channel` frames), and has no channel to read.
   */
  socket?: boolean | undefined;
  /** A terminal instead of pipes: all output arrives as `stdout` frames. */
  pty?: { cols: number; rows: number; term?: string | undefined };
  /** For somebody who is there: when its stream is gone, also before the head, a terminal hangs up, and other outputs are closed. */
  hangUp?: boolean | undefined;
}

export interface ProcessInfo {
  pid: number;
  command: string;
  args: string[];
  startedAtMs: number;
  exit: ExitStatus | null;
}

/** A JavaScript regular expression: source and flags. */
export interface RegexParam {
  source: string;
  flags: string;
}

export interface WalkParams {
  path: string;
  maxDepth?: number | undefined;
  includeFiles?: boolean | undefined;
  includeDirs?: boolean | undefined;
  includeSymlinks?: boolean | undefined;
  followSymlinks?: boolean | undefined;
  canonicalize?: boolean | undefined;
  exts?: string[] | undefined;
  match?: RegexParam[] | undefined;
  skip?: RegexParam[] | undefined;
}

export interface GlobParams {
  glob: string;
  root?: string | undefined;
  exclude?: string[] | undefined;
  includeDirs?: boolean | undefined;
  extended?: boolean | undefined;
  globstar?: boolean | undefined;
  caseInsensitive?: boolean | undefined;
  followSymlinks?: boolean | undefined;
  canonicalize?: boolean | undefined;
}

export interface OpenParams {
  path: string;
  read?: boolean | undefined;
  write?: boolean | undefined;
  append?: boolean | undefined;
  truncate?: boolean | undefined;
  create?: boolean | undefined;
  createNew?: boolean | undefined;
  mode?: number | undefined;
}

type Handle = { handle: number };
type None = Record<never, never>;

/**
 * Calls, by method: `[params, result]`. Paths are relative to /home/app, and files are accessed as the user `app`.
 * Errors such as NUL bytes and symlink loops are the kernel's. Like Deno, listings omit names that are not UTF-8;
 * archives include them.
 */
export interface GuestCalls {
  /** Checks that the agent is alive. `protocol` is 1. */
  ping: [None, { protocol: number; version: string }];
  /**
   * Makes the root disk the root, in a machine that has none yet: before anything but `ping`, `quiesce` and `sync`. Fails if the disk
   * cannot be a root.
   */
  enter: [None, null];
  /**
   * Makes this machine unique (see {@link Identity}), before any user code runs. The last call counts. Then processes go
   * on that were frozen.
   */
  resume: [Identity, null];
  /**
   * Stops all processes but the agent, without their noticing, and lets none start. They go on with `thawProcesses` or
   * `resume`, or after this time, at most five minutes, if this connection still exists: otherwise the machine may be a
   * copy, which must get its own identity first.
   */
  freezeProcesses: [{ thawAfterMs: number }, null];
  thawProcesses: [None, null];
  /** After a pause, before processes go on: sets the clock and adds randomness. The machine's identity stays. */
  wake: [Pick<Identity, "unixTimeNs" | "entropy">, null];
  /**
   * Before a template is captured: stops transient work, syncs disks and collects garbage, but keeps the page cache.
   */
  quiesce: [None, null];
  /** Flushes every file system to its disk. */
  sync: [None, null];

  /**
   * Mounts the disk that the host has put into a slot. Missing directories are created for the user, and the file system
   * grows to the size of the disk.
   */
  diskMount: [{ slot: number; mount: string; readOnly: boolean }, null];
  /**
   * Unmounts the disk in a slot, which the host may take away then. One that programs use is refused with `EBUSY`, unless
   * `force` is set: their files then fail.
   */
  diskUnmount: [{ slot: number; force: boolean }, null];
  /**
   * Writes a file system to its disk and stops all writes until `diskThaw`, and for `timeoutMs` at most: that of a slot,
   * or with null the root. `frozen` is false if it is not mounted.
   */
  diskFreeze: [{ slot: number | null; timeoutMs: number }, { frozen: boolean }];
  /** `frozen`: whether it was frozen until now. If not, the time was up. */
  diskThaw: [{ slot: number | null }, { frozen: boolean }];
  /** The disk in a slot is to have so many bytes by now: its file system grows. */
  diskGrow: [{ slot: number; bytes: number }, null];
  /**
   * For this long, at most a minute, the root's file system gives out no more space, because the host's disk is full; 0:
   * it does again. The last call counts.
   */
  holdSpace: [{ forMs: number }, null];

  readDir: [{ path: string }, DirEntry[]];
  remove: [{ path: string; recursive?: boolean | undefined }, null];
  mkdir: [{ path: string; recursive?: boolean | undefined; mode?: number | undefined }, null];
  rename: [{ oldPath: string; newPath: string }, null];
  stat: [{ path: string }, FileInfo];
  lstat: [{ path: string }, FileInfo];
  chmod: [{ path: string; mode: number }, null];
  chown: [{ path: string; uid: number | null; gid: number | null }, null];
  copyFile: [{ fromPath: string; toPath: string }, null];
  link: [{ target: string; path: string }, null];
  symlink: [{ target: string; path: string }, null];
  readLink: [{ path: string }, string];
  realPath: [{ path: string }, string];
  makeTempDir: [{ dir?: string | undefined; prefix?: string | undefined; suffix?: string | undefined }, string];
  makeTempFile: [{ dir?: string | undefined; prefix?: string | undefined; suffix?: string | undefined }, string];
  truncate: [{ path: string; length?: number | undefined }, null];
  /** Sets the umask for later file operations and processes, if given; returns the previous one. */
  umask: [{ mask?: number | undefined }, number];
  /** Times in milliseconds since 1970, possibly fractional. */
  utime: [{ path: string; atimeMs: number; mtimeMs: number }, null];

  open: [OpenParams, Handle];
  fileClose: [Handle, null];
  fileSync: [Handle, null];
  fileSyncData: [Handle, null];
  /** Waits for the lock; resetting the stream stops waiting. */
  fileLock: [Handle & { exclusive: boolean }, null];
  fileUnlock: [Handle, null];
  /** `offset` is a decimal string; whence: 0 start, 1 current, 2 end. */
  fileSeek: [Handle & { offset: string; whence: 0 | 1 | 2 }, { position: number }];
  fileStat: [Handle, FileInfo];
  fileTruncate: [Handle & { length: number }, null];
  fileUtime: [Handle & { atimeMs: number; mtimeMs: number }, null];

  /**
   * Waits for the exit; also works for the last 1,024 processes that have ended. Unknown pid: `TypeError` with code
   * `ENOENT`.
   */
  processWait: [{ pid: number }, ExitStatus];
  /** Signals the process's group. Ended or unknown: `TypeError` with code `ENOENT`. */
  processKill: [{ pid: number; signal: string }, null];
  /**
   * Stops reading this output: the process sees a closed pipe when it prints, and a terminal hangs up. Ended or
   * unknown: as `processKill`.
   */
  processCloseOutput: [{ pid: number; output: "stdout" | "stderr" }, null];
  processResize: [{ pid: number; cols: number; rows: number }, null];
  processList: [None, ProcessInfo[]];

  envGet: [{ key: string }, string | null];
  envSet: [{ key: string; value: string }, null];
  envDelete: [{ key: string }, null];
  envToObject: [None, Record<string, string>];
}

/** Streams, by method: `[params, head]`. The comment describes the bytes after the prefix messages. */
export interface GuestStreams {
  /** Response: the file. */
  readFile: [{ path: string }, { size: number }];
  /** Request: the content; the head follows once everything is written. */
  writeFile: [
    {
      path: string;
      append?: boolean | undefined;
      create?: boolean | undefined;
      createNew?: boolean | undefined;
      mode?: number | undefined;
    },
    null,
  ];
  /** Response: at most `length` bytes from the handle's position; none at the end of the file. */
  fileRead: [Handle & { length: number }, null];
  /** Request: bytes to write at the handle's position; the head follows once everything is written. */
  fileWrite: [Handle, { bytesWritten: number }];
  /**
   * Response: the directory and its contents as a tar archive in pax format. It begins with the directory itself, `./`;
   * every other entry follows its parent directory. Global headers contain `SANDKEEP.skipped`: a missing entry and the
   * reason.
   */
  readTree: [{ path: string }, null];
  /** Request: such an archive, to be written into the directory. The head follows once everything is written. */
  writeTree: [{ path: string }, { files: number; bytes: number }];
  /** Response: one {@link WalkEntry} per line, as JSON. An error after the first entry is a line `{"error":…}`. */
  walk: [WalkParams, null];
  expandGlob: [GlobParams, null];
  /**
   * Starts a process in its own group. Request and response are frames: 8 bit type, 32 bit big-endian length, payload
   * (at most {@link MAX_FRAME_BYTES}). A slow reader slows the process down. If the stream is reset, the process keeps
   * running and its output is discarded; with `hangUp`, its outputs are closed as by `processCloseOutput`. The response ends after the exit frame and the end of every output. An output
   * ends when all its writers have closed it, or a moment after the process has exited and everything it printed was
   * sent; later output of other processes is discarded.
   */
  spawn: [SpawnParams, { pid: number }];
  /** Reconnects to a process whose spawn stream is gone: frames as for `spawn`, from now on. */
  attach: [{ pid: number }, { pid: number }];
  /** To a TCP port, or with `path` to a Unix socket. Request and response: the connection's bytes. Refusals are the kernel's. */
  dial: [{ port?: number | undefined; host?: string | undefined; path?: string | undefined }, null];
  /** Listens on a loopback port, 0 for any, until the stream is reset. Response: nothing. */
  listen: [{ port: number }, { listener: number; port: number }];
  /** Waits for the next connection to a listener of this HTTP/2 connection. Then as `dial`. */
  accept: [{ listener: number }, { host: string; port: number }];
  /**
   * Request: the body. Response: the body, content-decoded. With `port`, the request goes to that loopback port
   * whatever the URL says.
   */
  fetch: [
    {
      url: string;
      method: string;
      headers: [string, string][];
      redirect: "follow" | "manual";
      hasBody: boolean;
      port?: number | undefined;
    },
    { status: number; statusText: string; headers: [string, string][]; url: string; hasBody: boolean },
  ];
}

/** Largest payload of one process frame, in bytes. */
export const MAX_FRAME_BYTES = 64 * 1024;

/** Frame types from the agent on `spawn` and `attach`. An empty output frame ends that output. */
export const GuestFrame = {
  stdout: 1,
  stderr: 2,
  channel: 3,
  /** JSON {@link ExitStatus}. */ exit: 4,
  socket: 5,
} as const;

/** Frame types to the agent on `spawn` and `attach`. An empty frame closes that input. */
export const HostFrame = { stdin: 1, channel: 2, socket: 3 } as const;

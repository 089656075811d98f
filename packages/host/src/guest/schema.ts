/** Schemas of the guest's answers. The guest is hostile, so every outcome is checked before anything else uses it. */
import { z } from "zod";
import type { GuestCalls, GuestStreams } from "./contract.ts";

const count = z.number().int().nonnegative();
/** Device and inode numbers go up to 64 bits; as JSON they arrive as doubles. */
const big = z.number().nonnegative();
const time = z.iso.datetime({ offset: true });

const fileInfo = z.object({
  isFile: z.boolean(),
  isDirectory: z.boolean(),
  isSymlink: z.boolean(),
  isBlockDevice: z.boolean(),
  isCharDevice: z.boolean(),
  isFifo: z.boolean(),
  isSocket: z.boolean(),
  size: big,
  mode: count,
  dev: big,
  ino: big,
  nlink: big,
  uid: count,
  gid: count,
  rdev: big,
  blksize: count,
  blocks: big,
  mtime: time,
  atime: time,
  birthtime: time,
  ctime: time,
});
const dirEntry = z.object({ name: z.string(), isFile: z.boolean(), isDirectory: z.boolean(), isSymlink: z.boolean() });
const handle = z.object({ handle: count });
const pid = z.number().int().positive();
/** Longest message of an error, in characters. */
const MAX_MESSAGE_CHARS = 8_192;

function clipped(message: string): string {
  return message.length > MAX_MESSAGE_CHARS ? `${message.slice(0, MAX_MESSAGE_CHARS)}…` : message;
}

const port = z.number().int().min(1).max(65_535);
const nothing = z.null();

/** How the kernel and the agent report the end of a process. Also the payload of an exit frame. */
export const exitStatusSchema = z.object({
  success: z.boolean(),
  code: z.number().int().min(0).max(255),
  signal: z.string().max(32).nullable(),
  oom: z.enum(["high-confidence", "low-confidence"]).nullable(),
});

/** One line of a `walk` or `expandGlob` stream. */
export const walkEntrySchema = dirEntry.extend({ path: z.string() });

/** An application error of the agent. */
export const guestErrorSchema = z.object({
  constructorName: z.string().max(64),
  // It can have a name of any length in it, which the host has sent. People read it, in events too.
  message: z.string().transform(clipped),
  code: z.string().max(64).nullish(),
  name: z.string().max(64).nullish(),
});

/** A schema for each method's result. */
export type Schemas<Methods extends GuestCalls | GuestStreams> = {
  [M in keyof Methods]: Methods[M] extends [unknown, infer Given] ? z.ZodType<Given> : never;
};

export const callResults = {
  ping: z.object({ protocol: count, version: z.string().max(128) }),
  enter: nothing,
  resume: nothing,
  freezeProcesses: nothing,
  thawProcesses: nothing,
  wake: nothing,
  quiesce: nothing,
  sync: nothing,

  diskMount: nothing,
  diskUnmount: nothing,
  diskFreeze: z.object({ frozen: z.boolean() }),
  diskThaw: z.object({ frozen: z.boolean() }),
  diskGrow: nothing,
  holdSpace: nothing,
  readDir: z.array(dirEntry),
  remove: nothing,
  mkdir: nothing,
  rename: nothing,
  stat: fileInfo,
  lstat: fileInfo,
  chmod: nothing,
  chown: nothing,
  copyFile: nothing,
  link: nothing,
  symlink: nothing,
  readLink: z.string(),
  realPath: z.string(),
  makeTempDir: z.string(),
  makeTempFile: z.string(),
  truncate: nothing,
  umask: count,
  utime: nothing,
  open: handle,
  fileClose: nothing,
  fileSync: nothing,
  fileSyncData: nothing,
  fileLock: nothing,
  fileUnlock: nothing,
  fileSeek: z.object({ position: big }),
  fileStat: fileInfo,
  fileTruncate: nothing,
  fileUtime: nothing,
  processWait: exitStatusSchema,
  processKill: nothing,
  processCloseOutput: nothing,
  processResize: nothing,
  processList: z.array(
    z.object({
      pid,
      command: z.string(),
      args: z.array(z.string()),
      startedAtMs: z.number(),
      exit: exitStatusSchema.nullable(),
    }),
  ),
  envGet: z.string().nullable(),
  envSet: nothing,
  envDelete: nothing,
  envToObject: z.record(z.string(), z.string()),
} satisfies Schemas<GuestCalls>;

export const streamHeads = {
  readFile: z.object({ size: big }),
  writeFile: nothing,
  fileRead: nothing,
  fileWrite: z.object({ bytesWritten: count }),
  readTree: nothing,
  writeTree: z.object({ files: big, bytes: big }),
  walk: nothing,
  expandGlob: nothing,
  spawn: z.object({ pid }),
  attach: z.object({ pid }),
  dial: nothing,
  listen: z.object({ listener: count, port }),
  accept: z.object({ host: z.union([z.ipv4(), z.ipv6()]), port }),
  fetch: z.object({
    status: z.number().int().min(100).max(599),
    statusText: z.string(),
    headers: z.array(z.tuple([z.string(), z.string()])),
    url: z.string(),
    hasBody: z.boolean(),
  }),
} satisfies Schemas<GuestStreams>;

/** Parses an outcome: the value, or the agent's error. @throws {z.ZodError} if it is neither */
export function parseOutcome<T>(
  result: z.ZodType<T>,
  outcome: unknown,
): { ok: T } | { error: z.infer<typeof guestErrorSchema> } {
  if (typeof outcome === "object" && outcome !== null && "ok" in outcome) return { ok: result.parse(outcome.ok) };
  return z.object({ error: guestErrorSchema }).parse(outcome);
}

/**
 * Runs `qemu-img` on layers that a machine may have written, in a jail that has nothing but these layers. It may be taken
 * over by what it reads, take for ever, or want all memory.
 */
import type { ChildProcess } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";
import {
  attributesFilter,
  type JailKind,
  type JailUser,
  killGroup,
  MACHINE_USERS,
  OWN_FD,
  openJail,
  REPORT_FD,
  startJailed,
  withOnly,
} from "@sandkeep/jail";

/** Open files besides those of layers; it needs about ten. */
const OPEN_FILES = 64;
/** Descriptors for each layer: its own, and one while it is opened again. */
const OPEN_FILES_OF_LAYER = 2;
/** Address space, bytes: the program, a stack for each of 64 threads, and caches. */
const ADDRESS_SPACE_BYTES = 2 * 1024 ** 3;
/** For each byte of a file, the bytes of memory that a check of its tables takes: two for a cluster, twice. */
const MEMORY_SHARE = 4 / 65_536;
/** How much of its output is kept. */
const MAX_OUTPUT_CHARS = 4 * 1024;
/** Of a file that anybody may read who can reach it. */
const READABLE_BY_ALL = 0o004;
const OWNER_ONLY = 0o600;

/** Exit code of a jail whose process was ended by SIGKILL. */
const KILLED = 128 + 9;

/** For work that nobody waits for. */
const WHEN_IDLE = ["nice", "-n", "19", "ionice", "--ignore", "-c", "idle"];

export interface QemuImgOptions {
  jail: JailKind;
  /** Layers that it reads. */
  readable: readonly string[];
  /** A layer that it changes, and that nobody else has; it then reads none but those above. */
  writable?: string;
  /** Largest file that it may write, bytes. */
  fileBytes: number;
  timeoutMs: number;
  /** Whether it gets only what others leave of the processor and the disk. */
  whenIdle?: boolean;
  signal?: AbortSignal;
  /** The arguments. @param name the jail's name of a layer */
  args(name: (path: string) => string): string[];
}

/** How a run ended. */
export interface Outcome {
  /** Null if a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Whether that was not its own doing: it took too long, was told to end, or the computer was out of memory. */
  wasKilled: boolean;
  output: string;
}

/** @throws if it could not run */
export async function runQemuImg(options: QemuImgOptions): Promise<Outcome> {
  const { readable, writable, fileBytes } = options;
  const files = writable === undefined ? readable : [...readable, writable];
  const user = MACHINE_USERS.take();
  await using lent = new AsyncDisposableStack();
  lent.defer(() => MACHINE_USERS.release(user?.uid));
  let bytes = 0;
  for (const path of files) bytes += await lend(lent.use(await open(path, "r")), user, path === writable, lent);
  await using jail = await openJail(options.jail, {
    files: { readable: [...readable], writable: writable === undefined ? [] : [writable] },
    user,
    system: "programs",
    network: "none",
    // One heap: each more would reserve address space.
    environment: { MALLOC_ARENA_MAX: "1" },
    openFiles: OPEN_FILES + files.length * OPEN_FILES_OF_LAYER,
    addressSpaceBytes: Math.ceil(ADDRESS_SPACE_BYTES + bytes * MEMORY_SHARE),
    fileBytes,
    filter: attributesFilter(),
    firstDescriptor: OWN_FD,
  });
  const own = [...jail.descriptors, ...jail.inputs].map((_, n) => OWN_FD + n);
  const command = [
    ...(options.whenIdle ? WHEN_IDLE : []),
    ...withOnly(jail.reportsPid ? [REPORT_FD, ...own] : own, jail.wrap(["qemu-img", ...options.args(jail.name)])),
  ];
  return await outcomeOf(startJailed({ jail, command, output: "pipe" }).child, options);
}

async function outcomeOf(child: ChildProcess, { timeoutMs, signal }: QemuImgOptions): Promise<Outcome> {
  let output = "";
  const keep = (text: string) => (output = (output + text).slice(-MAX_OUTPUT_CHARS));
  child.stdout!.setEncoding("utf8").on("data", keep);
  child.stderr!.setEncoding("utf8").on("data", keep);
  const report = child.stdio[REPORT_FD];
  report?.on("error", () => {});
  (report as NodeJS.ReadableStream | null)?.resume();
  let wasKilled = false;
  const stop = () => {
    wasKilled = true;
    killGroup(child);
    // What holds their other ends does not matter any more.
    for (const stream of child.stdio) stream?.destroy();
  };
  const timer = setTimeout(stop, timeoutMs);
  signal?.addEventListener("abort", stop);
  try {
    if (signal?.aborted) stop();
    return await new Promise<Outcome>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        wasKilled ||= signal === "SIGKILL" || code === KILLED;
        resolve({ code, signal, wasKilled, output: output.trim() });
      });
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/**
 * Lets the jailed user have a file, as far as it cannot anyway, until `lent` is disposed. What others have open too is
 * never changed: images and frozen layers can be read by all. Resolves to the file's size.
 */
async function lend(
  file: FileHandle,
  user: JailUser | null,
  isWritable: boolean,
  lent: AsyncDisposableStack,
): Promise<number> {
  const { uid, gid, mode, nlink, size } = await file.stat();
  if (isWritable && nlink > 1) throw new Error("A file with several names is not changed.");
  if (isWritable || (user && (mode & READABLE_BY_ALL) === 0)) {
    lent.defer(async () => {
      if (user) await file.chown(uid, gid);
      await file.chmod(mode & 0o777);
    });
    if (user) await file.chown(user.uid, user.gid);
    await file.chmod(OWNER_ONLY);
  }
  return size;
}

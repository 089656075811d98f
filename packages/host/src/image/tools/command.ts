import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Writable } from "node:stream";
import { errnoOf } from "@sandkeep/common";
import { ImageError } from "../image.ts";

/** Number of a failed tool's last lines that its error includes. */
const TAIL_LINES = 15;
/** How long a tool may clean up after SIGTERM, in milliseconds; unmounting and removing a root takes a while. */
const GRACE_MS = 20_000;

/** Descriptor of a pipe that nobody writes to: it closes when we end. The highest number that dash can redirect. */
const WATCH_FD = 9;
/** Executes the tool, and leaves a watcher in its process group that signals the group when the pipe closes. */
const WATCH_SCRIPT = `{ cat <&${WATCH_FD} >/dev/null; kill -TERM 0; } & exec "$@" ${WATCH_FD}<&-`;

/** How to run a tool. */
export interface CommandOptions {
  cwd?: string;
  /** A program that executes the tool, with its arguments, such as `unshare --mount`. */
  through?: string[];
  /** Its complete environment; default: ours. */
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  stdin?: "ignore" | "pipe";
  /** Further descriptors by number: new pipes, or descriptors of ours. */
  extra?: Record<number, "pipe" | number>;
  /** Whether the tool and its children receive SIGTERM when we end, for whatever reason. */
  endWithUs?: boolean;
  /** Whether standard output is read and returned (the default), or left to `attend`. */
  collect?: boolean;
  /** Called with each line of standard error. */
  onLine?: (line: string) => void;
  /** Serves the child's streams; if it fails, the tool is ended. The signal is aborted when the tool must end. */
  attend?: (child: ChildProcess, signal: AbortSignal) => Promise<unknown>;
}

/**
 * Runs a tool to its end and returns its standard output. Throws {@link ImageError} with its last lines if it is not
 * installed or fails. When aborted, ends the tool, waits until it is gone and throws the signal's reason.
 */
export async function runCommand(command: string, args: string[], options: CommandOptions = {}): Promise<string> {
  const { signal } = options;
  signal?.throwIfAborted();
  const watcher = options.endWithUs ? ["sh", "-c", WATCH_SCRIPT, "sh"] : [];
  const argv = [...watcher, ...(options.through ?? []), command, ...args];
  const child = spawn(argv[0]!, argv.slice(1), {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: stdio(options),
    // A process group of its own: an interrupt at the terminal reaches only us, and we end the tool in order.
    detached: true,
  });
  // If descriptors have run out, it has no streams, and what follows fails before it listens.
  child.on("error", () => {});
  const { tail, stdout } = read(child, options);
  const ending = new AbortController();
  let killer: NodeJS.Timeout | undefined;
  const end = (reason: unknown) => {
    ending.abort(reason);
    signalGroup(child, "SIGTERM");
    killer ??= setTimeout(() => signalGroup(child, "SIGKILL"), GRACE_MS);
  };
  const abort = () => end(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  if (options.endWithUs) {
    const watched = child.stdio[WATCH_FD as 3] as Writable;
    watched.on("error", () => {});
    child.once("exit", () => watched.destroy());
  }
  const attended = spawned(child)
    .then(() => options.attend?.(child, ending.signal))
    .then(
      () => undefined,
      (error: unknown) => {
        // Streams also fail because the tool ended: its own message is then more helpful.
        const early = child.exitCode === null && child.signalCode === null;
        end(error);
        return { error, early };
      },
    );
  try {
    const [code, killedBy] = await closed(child, command);
    const failure = await attended;
    signal?.throwIfAborted();
    if (failure?.early && failure.error instanceof ImageError) throw failure.error;
    if (code !== 0) {
      const how = killedBy ? `was ended by ${killedBy}` : `failed with exit code ${code}`;
      const last = tail.length ? tail : stdout.join("").trimEnd().split("\n").slice(-TAIL_LINES);
      throw new ImageError([`${command} ${how}:`, ...last].join("\n  "), {
        cause: failure?.error,
        ...(code !== null && { exitCode: code }),
      });
    }
    if (failure) throw failure.error;
    return stdout.join("");
  } finally {
    clearTimeout(killer);
    signal?.removeEventListener("abort", abort);
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid) process.kill(-child.pid, signal);
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}

function stdio({ stdin = "ignore", extra = {}, endWithUs }: CommandOptions): ("ignore" | "pipe" | number)[] {
  const all: ("ignore" | "pipe" | number)[] = [stdin, "pipe", "pipe"];
  for (const [fd, what] of Object.entries(endWithUs ? { [WATCH_FD]: "pipe" as const, ...extra } : extra)) {
    // From 3 on, `ignore` means not open in the child.
    while (all.length < Number(fd)) all.push("ignore");
    all[Number(fd)] = what;
  }
  return all;
}

/** Reads the outputs: all of standard output, the last lines of standard error. */
function read(child: ChildProcess, { collect = true, onLine }: CommandOptions): { tail: string[]; stdout: string[] } {
  const tail: string[] = [];
  const stdout: string[] = [];
  if (collect) child.stdout!.setEncoding("utf8").on("data", (text: string) => stdout.push(text));
  createInterface({ input: child.stderr! }).on("line", (line) => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    onLine?.(line);
  });
  return { tail, stdout };
}

/** Resolves when the child runs; `closed` reports a child that cannot be started. */
function spawned(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => child.once("spawn", resolve));
}

async function closed(child: ChildProcess, command: string): Promise<[code: number | null, signal: string | null]> {
  try {
    return (await once(child, "close")) as [number | null, string | null];
  } catch (cause) {
    if (errnoOf(cause) !== "ENOENT") throw cause;
    throw new ImageError(`${command} not found: run ./sandkeep doctor`, { cause });
  }
}

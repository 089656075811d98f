import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { ImageError } from "./image.ts";

/** Lines of a failed tool's output that its error repeats. */
const TAIL_LINES = 15;
/** Time that a tool has to clean up after SIGTERM, in milliseconds; unmounting and removing a root takes a while. */
const GRACE_MS = 20_000;

/** How to run a tool. */
export interface CommandOptions {
  cwd?: string;
  env?: Record<string, string>;
  signal?: AbortSignal | undefined;
  stdin?: "ignore" | "pipe";
  /** Descriptors from 3 on. */
  extra?: "pipe"[];
  /** Whether standard output is read and given back (the default), or left to `attend`. */
  collect?: boolean;
  /** Called with each line of standard error. */
  onLine?: (line: string) => void;
  /** Serves the child's streams; when it fails the tool is ended. The signal is aborted when the tool must end. */
  attend?: (child: ChildProcess, signal: AbortSignal) => Promise<unknown>;
}

/**
 * Runs a tool to its end and gives its standard output. Throws {@link ImageError} when it is not installed or fails, with
 * its last lines; when aborted, ends it, waits until it is gone and throws the signal's reason.
 */
export async function runCommand(command: string, args: string[], options: CommandOptions = {}): Promise<string> {
  const { signal } = options;
  signal?.throwIfAborted();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [options.stdin ?? "ignore", "pipe", "pipe", ...(options.extra ?? [])],
    // A group of its own: an interrupt at the terminal reaches us alone, and we end the tool in order.
    detached: true,
  });
  const { tail, stdout } = read(child, options);
  const ending = new AbortController();
  let killer: NodeJS.Timeout | undefined;
  const end = (reason: unknown) => {
    ending.abort(reason);
    child.kill("SIGTERM");
    killer ??= setTimeout(() => child.pid && process.kill(-child.pid, "SIGKILL"), GRACE_MS);
  };
  const abort = () => end(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const attended = spawned(child)
    .then(() => options.attend?.(child, ending.signal))
    .then(
      () => undefined,
      (error: unknown) => (end(error), { error }),
    );
  try {
    const [code, killedBy] = await closed(child, command);
    const failure = await attended;
    signal?.throwIfAborted();
    if (failure?.error instanceof ImageError) throw failure.error;
    if (code !== 0) {
      const how = killedBy ? `was ended by ${killedBy}` : `failed with exit code ${code}`;
      const last = tail.length ? tail : stdout.join("").trimEnd().split("\n").slice(-TAIL_LINES);
      throw new ImageError([`${command} ${how}:`, ...last].join("\n  "), { cause: failure?.error });
    }
    if (failure) throw failure.error;
    return stdout.join("");
  } finally {
    clearTimeout(killer);
    signal?.removeEventListener("abort", abort);
  }
}

/** Reads the outputs: all of the standard one, the last lines of the other. */
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

/** Resolves when the child runs; a child that cannot be started is `closed`'s to report. */
function spawned(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => child.once("spawn", resolve));
}

async function closed(child: ChildProcess, command: string): Promise<[code: number | null, signal: string | null]> {
  try {
    return (await once(child, "close")) as [number | null, string | null];
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new ImageError(`${command} not found: run ./sandkeep doctor`, { cause });
  }
}

/** The program that passes open files to QEMU processes, which Node.js cannot do. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { LineReader } from "@sandkeep/common";
import { type HelperProcess, hold, release, startHelper } from "../helper-process.ts";

/** Passed as text: reading it from a file would take a descriptor. */
const PASS = readFileSync(new URL("pass-files.pl", import.meta.url), "utf8");
/** How long an order may take: the program gives up after 20 s itself, unless the computer is too busy for that. */
const ORDER_MS = 30_000;
/** Longest answer, in bytes: what QEMU said is cut off. */
const ANSWER_BYTES = 4_096;

export interface FileToPass {
  /** The number of the set of descriptors that it joins. */
  set: number;
  /** To open it with. */
  flags: number;
  path: string;
  /** What must be there: the numbers of its device and inode. */
  dev: bigint;
  ino: bigint;
}

interface Program {
  child: HelperProcess;
  pending: Map<number, { resolve(): void; reject(error: Error): void }>;
}

/** Starts the program when it is first needed, and again when it has ended. */
export class FilePasser implements AsyncDisposable {
  #program: Program | null = null;
  #count = 0;

  /** The program's; null if there is none now. */
  get pid(): number | null {
    return this.#program?.child.pid ?? null;
  }

  /** @param socket a monitor of the QEMU process */
  async pass(socket: string, files: readonly FileToPass[]): Promise<void> {
    const { child, pending } = (this.#program ??= this.#start());
    const order = ++this.#count;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    pending.set(order, { resolve, reject });
    hold(child);
    const words = [socket, ...files.map(({ set, flags, dev, ino, path }) => [set, flags, dev, ino, path].join(":"))];
    child.stdin.write(`${[String(order), ...words.map(encodeURIComponent)].join(" ")}\n`);
    const late = setTimeout(() => {
      // It does not get on; the next order starts another one.
      child.kill("SIGKILL");
      reject(failure(`no answer within ${ORDER_MS / 1_000} s`));
    }, ORDER_MS);
    try {
      await promise;
    } finally {
      clearTimeout(late);
      pending.delete(order);
      if (pending.size === 0) release(child);
    }
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#program) return;
    const { child } = this.#program;
    hold(child);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended.catch(() => {});
  }

  #start(): Program {
    const child = startHelper(["perl", "-e", PASS]);
    const pending: Program["pending"] = new Map();
    const forget = () => {
      if (this.#program?.child === child) this.#program = null;
    };
    // One that could not be started does not exit.
    child.on("exit", forget).on("error", forget);
    // Now the processes that execute its orders have ended, too.
    child.on("close", () => {
      for (const { reject } of pending.values()) reject(failure("the program that does it has ended"));
    });
    const lines = new LineReader(ANSWER_BYTES);
    child.stdout.on("error", () => {});
    child.stdout.on("data", (piece: Buffer) => {
      try {
        for (const line of lines.push(piece)) settle(pending, line);
      } catch {
        // Not an answer.
        child.kill("SIGKILL");
      }
    });
    return { child, pending };
  }
}

function settle(pending: Program["pending"], line: string): void {
  const [, order, why] = /^(\d+)(?: (.*))?$/.exec(line) ?? [];
  const waiting = pending.get(Number(order));
  if (why === undefined) waiting?.resolve();
  else waiting?.reject(failure(why.trim()));
}

function failure(why: string): Error {
  return new Error(`QEMU could not be given files: ${why}`);
}

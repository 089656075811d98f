/**
 * A program that helps this process for as long as that lives. It ends when its standard input does, and does not keep
 * this process from ending while nobody waits for it.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { withOnly } from "@sandkeep/jail";

export type HelperProcess = ChildProcessByStdio<Writable, Readable, null>;

/** Starts one. Whoever listens for its `close` learns of its end. @throws `EMFILE` if no descriptors are left */
export function startHelper(command: string[]): HelperProcess {
  const [file, ...args] = withOnly([], command);
  const child = spawn(file!, args, { stdio: ["pipe", "pipe", "ignore"] });
  child.on("error", () => {});
  // Node makes no streams then.
  if ((child.stdin as unknown) == null)
    throw Object.assign(new Error(`${command[0]} cannot be started: no descriptors are left.`), { code: "EMFILE" });
  child.stdin.on("error", () => {});
  return child;
}

/** Somebody waits for it from now on. */
export function hold(child: HelperProcess): void {
  child.ref();
  for (const stream of [child.stdin, child.stdout]) (stream as unknown as Socket).ref();
}

/** Nobody waits for it any more. */
export function release(child: HelperProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) (stream as unknown as Socket).unref();
}

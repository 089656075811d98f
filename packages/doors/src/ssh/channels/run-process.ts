import { constants } from "node:os";
import type { SshExit, SshProcess } from "../contract.ts";
import type { Outlet } from "./outlet.ts";

/** Signals that RFC 4254 section 6.10 knows. */
const KNOWN_SIGNALS = new Set(
  ["ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"].map(
    (name) => `SIG${name}`,
  ),
);

/**
 * Connects a process with its channel: input, output, and how it ended. Resolves when it has ended, or with null when the channel is
 * closed before that.
 */
export async function runProcess(outlet: Outlet, process: SshProcess): Promise<SshExit | null> {
  const { channel } = outlet;
  // A process may close its input early; the rest of what the client sends is discarded.
  process.stdin.on("error", () => outlet.discardInput());
  channel.pipe(process.stdin);
  for await (const { to, bytes } of process.output)
    if (!(await outlet.write(bytes, to === "stdout" ? channel : channel.stderr))) return null;
  const exit = await process.exited;
  if (outlet.closed) return null;
  const { signal, code } = exit;
  if (signal && KNOWN_SIGNALS.has(signal)) channel.exit(signal.slice("SIG".length), false, "");
  else channel.exit(code);
  outlet.discardInput();
  channel.end();
  return exit;
}

/** The kernel's name of a signal that a client has sent by its SSH name, such as `TERM`, or null. */
export function signalOf(name: string): string | null {
  const signal = `SIG${name}`;
  return Object.hasOwn(constants.signals, signal) ? signal : null;
}

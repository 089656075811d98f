import process from "node:process";

/** How {@linkcode SandboxFs.upload} and {@linkcode SandboxFs.download} copy. */
export interface TransferOptions {
  /** Stops the copying, which then rejects with `AbortError`. No half a file stays; what was complete does. */
  signal?: AbortSignal;
  /** Copies what is in a directory to the path given, which is created if need be, instead of the directory into it. */
  contents?: boolean;
  /**
   * Told of what is left out, and why: sockets, devices and FIFOs, what went away meanwhile, names that this machine cannot write.
   * Without it these are warnings of the process.
   */
  onSkip?: (path: string, reason: string) => void;
}

/** What happens without an `onSkip`. Names and reasons come from the sandbox: no control characters reach a terminal. */
export function warn(path: string, reason: string): void {
  const text = `${path} was not copied: ${reason}`;
  process.emitWarning(
    text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`),
    "SandkeepWarning",
  );
}

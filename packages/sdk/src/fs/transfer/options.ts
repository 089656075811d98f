import process from "node:process";

/** How {@linkcode SandboxFs.upload} and {@linkcode SandboxFs.download} copy. */
export interface TransferOptions {
  /** Stops copying when aborted; the promise then rejects with `AbortError`. No partial file stays; complete ones do. */
  signal?: AbortSignal;
  /** Copies the content of a directory to the given path, which is created if necessary, instead of the directory into it. */
  contents?: boolean;
  /**
   * Called for everything that is left out, with the reason: sockets, devices, FIFOs, files that disappeared meanwhile, and
   * names that this computer cannot have. By default these are emitted as process warnings.
   */
  onSkip?: (path: string, reason: string) => void;
}

/** The default of `onSkip`. Names and reasons come from the sandbox, so control characters must not reach a terminal. */
export function warn(path: string, reason: string): void {
  const text = `${path} was not copied: ${reason}`;
  process.emitWarning(
    text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`),
    "SandkeepWarning",
  );
}

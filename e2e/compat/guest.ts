import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { Sandbox } from "sandkeep";

/** Time limit for a command, in milliseconds. */
const COMMAND_TIMEOUT_MS = 60_000;
/** How much of a failed command's output is shown. */
const SHOWN_CHARS = 6_000;

/** The sandbox in which the clients run. */
export class Guest implements AsyncDisposable {
  readonly sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  /** Runs a shell command as the user `app`. @returns its output; throws with all of its output if it fails */
  async run(command: string, { timeoutMs = COMMAND_TIMEOUT_MS } = {}): Promise<string> {
    const child = await this.sandbox.spawn("bash", {
      args: ["-euo", "pipefail", "-c", command],
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { status, stdoutText, stderrText } = await child.output();
    if (status.success) return stdoutText ?? "";
    throw new Error(
      `exit code ${status.code}: ${command}\n${stderrText?.slice(-SHOWN_CHARS)}\n${stdoutText?.slice(-SHOWN_CHARS)}`,
    );
  }

  /**
   * Runs a shell command and passes each line that it prints to `onLine`, as it arrives. Resolves when it has
   * succeeded; throws with all of its output if it fails.
   */
  async follow(command: string, onLine: (line: string) => void): Promise<void> {
    const child = await this.sandbox.spawn("bash", {
      args: ["-euo", "pipefail", "-c", `{ ${command}\n} 2>&1`],
      stdout: "piped",
      signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS),
    });
    const said: string[] = [];
    for await (const line of createInterface({ input: Readable.fromWeb(child.stdout as ReadableStream) })) {
      said.push(line);
      onLine(line);
    }
    const status = await child.status;
    if (!status.success)
      throw new Error(`exit code ${status.code}: ${command}\n${said.join("\n").slice(-SHOWN_CHARS)}`);
  }

  /** Copies a file, or a folder into a folder, from this computer into the sandbox. */
  async upload(local: string, remote: string): Promise<void> {
    await this.sandbox.fs.upload(local, remote);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.close();
  }
}

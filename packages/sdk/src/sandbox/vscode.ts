import { Inspectable, inspectable } from "../inspect.ts";
import { requirePrivate } from "../private.ts";
import { ignoreEnded } from "../process/child-process.ts";
import type { Signal } from "../process/signal.ts";
import type { ChildProcessStatus } from "../process/status.ts";
import { toStatus } from "../process/status.ts";
import type { Bytes } from "../transport/bytes.ts";
import type { Connection } from "../transport/connection.ts";

/** @internal The parts of a VS Code object. */
export interface VsCodeParts {
  connection: Connection;
  url: string;
  pid: number;
  stdout: ReadableStream<Bytes>;
  stderr: ReadableStream<Bytes>;
}

/**
 * VS Code running in a sandbox, for use in a browser.
 *
 * @experimental
 *
 * @example
 * ```ts ignore
 * import { Sandbox } from "sandkeep";
 *
 * await using sandbox = await Sandbox.create();
 * const vscode = await sandbox.exposeVscode("/home/app");
 * console.log("open", vscode.url);
 * await vscode.status;
 * ```
 */
export class VsCode extends Inspectable implements AsyncDisposable {
  readonly #parts: VsCodeParts;
  readonly #status: Promise<ChildProcessStatus>;

  /** @internal */
  constructor(key: symbol, parts: VsCodeParts) {
    super();
    requirePrivate(key, "VsCode", "sandbox.exposeVscode()");
    this.#parts = parts;
    this.#status = parts.connection.call("processWait", { pid: parts.pid, vscode: true }).then(toStatus);
    this.#status.catch(() => {});
  }

  /** Its URL. */
  get url(): string {
    return this.#parts.url;
  }

  /** Its standard output. */
  get stdout(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#parts.stdout;
  }

  /** Its standard error. */
  get stderr(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#parts.stderr;
  }

  /** Resolves when it has ended. */
  get status(): Promise<ChildProcessStatus> {
    return this.#status;
  }

  /**
   * Sends it a signal, `SIGTERM` by default. Resolves when the signal has been sent; to wait for the end, use {@linkcode
   * status}.
   */
  async kill(signal?: Signal): Promise<void> {
    const { connection, pid } = this.#parts;
    await ignoreEnded(connection.call("processKill", { pid, signal, vscode: true }));
  }

  /** Ends it, and waits until it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.status;
  }

  static {
    inspectable(VsCode, "VsCode", ({ url }) => ({ url }));
  }
}

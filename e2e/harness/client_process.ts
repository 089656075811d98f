import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A program of its own that holds a sandbox and does nothing. */
export class ClientProcess implements Disposable {
  /** Id of its sandbox. */
  readonly sandboxId: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, sandboxId: string) {
    this.#child = child;
    this.sandboxId = sandboxId;
  }

  static async start(env: Record<string, string>): Promise<ClientProcess> {
    const code = `import { Sandbox } from "sandkeep"; const sandbox = await Sandbox.create(); console.log(sandbox.id); await sandbox.closed;`;
    const child = spawn(process.execPath, ["--conditions=sandkeep-source", "--input-type=module", "--eval", code], {
      cwd: import.meta.dirname,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    return new ClientProcess(child, line);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

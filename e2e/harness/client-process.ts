import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A separate program that holds a sandbox and does nothing. */
export class ClientProcess implements Disposable {
  /** Id of its sandbox. */
  readonly sandboxId: string;
  /** Error of a call that was pending when the connection ended. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, sandboxId: string, ended: Promise<string>) {
    this.#child = child;
    this.sandboxId = sandboxId;
    this.ended = ended;
  }

  static async start(env: Record<string, string>): Promise<ClientProcess> {
    const code = `import { Sandbox } from "sandkeep"; const sandbox = await Sandbox.create(); console.log(sandbox.id); await sandbox.sh\`sleep infinity\`.result().catch((error) => console.log(String(error)));`;
    const child = spawn(process.execPath, ["--conditions=sandkeep-source", "--input-type=module", "--eval", code], {
      cwd: import.meta.dirname,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface(child.stdout);
    const [line] = (await once(lines, "line")) as [string];
    return new ClientProcess(
      child,
      line,
      once(lines, "line").then(([text]) => String(text)),
    );
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";

/** User name that programs see. */
export const ORDINARY_USER = "tester";

/**
 * Prefix of a command that runs it as an ordinary user, whoever runs the tests: for servers that refuse to run as root,
 * or that need their own users as root. `home` is an existing folder.
 */
export async function asOrdinaryUser(home: string): Promise<string[]> {
  const users = join(home, "passwd");
  await writeFile(users, `root:x:0:0::/:/bin/sh\n${ORDINARY_USER}:x:1000:1000::${home}:/bin/sh\n`);
  return [
    "bwrap",
    "--unshare-user",
    "--uid",
    "1000",
    "--gid",
    "1000",
    "--dev-bind",
    "/",
    "/",
    "--ro-bind",
    users,
    "/etc/passwd",
    "--die-with-parent",
  ];
}

/** A server that is a separate program. */
export class ServerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it, and waits until it reports on standard error that it is ready. */
  static async start(command: string[], ready: RegExp, env: Record<string, string> = {}): Promise<ServerProcess> {
    const child = spawn(command[0]!, command.slice(1), {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (ready.test(said)) resolve();
      });
      child
        .once("error", reject)
        .once("exit", (code) => reject(new Error(`${command.join(" ")} ended with ${code}:\n${said}`)));
    });
    // Nobody reads it any more, but a full pipe must not stop it.
    child.stderr.removeAllListeners("data").resume();
    return new ServerProcess(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

/** A port on loopback that was free a moment ago, for programs that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tool } from "../packages/command.ts";
import { debs } from "../packages/debs.ts";
import { scratch } from "../packages/scratch.ts";
import { unpackDebs } from "../packages/unpack.ts";
import { asOrdinaryUser, freePort, ORDINARY_USER, ServerProcess } from "./ordinary-user.ts";
import type { Upstream } from "./upstream.ts";

const HOST = "ssh.example.com";

/** OpenSSH's server for one user with a key. */
export class SshServer implements Upstream {
  readonly host = HOST;
  readonly allow = `${HOST}:22`;
  readonly port: number;
  /** Its protocol is not HTTP: the key authenticates, so the sandbox has to have it. */
  readonly credential = null;
  readonly user = ORDINARY_USER;
  /** Private key of the user, a file. */
  readonly keyFile: string;
  /** Line of a `known_hosts` file. */
  readonly knownHost: string;
  /** Home of the user. */
  readonly home: string;
  readonly #owned: AsyncDisposableStack;

  private constructor(port: number, dir: string, home: string, hostKey: string, owned: AsyncDisposableStack) {
    this.port = port;
    this.home = home;
    this.keyFile = join(dir, "user_key");
    this.knownHost = `${HOST} ${hostKey}`;
    this.#owned = owned;
  }

  static async start(): Promise<SshServer> {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await scratch("ssh")).path;
    const home = join(dir, "home");
    await mkdir(home);
    for (const name of ["host_key", "user_key"])
      await tool("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(dir, name)]);
    const port = await freePort();
    const settings = {
      ListenAddress: "127.0.0.1",
      Port: port,
      HostKey: join(dir, "host_key"),
      AuthorizedKeysFile: join(dir, "user_key.pub"),
      PidFile: "none",
      PasswordAuthentication: "no",
      KbdInteractiveAuthentication: "no",
      UsePAM: "no",
      // Temporary folders are world-writable.
      StrictModes: "no",
      Subsystem: "sftp internal-sftp",
    };
    await writeFile(
      join(dir, "config"),
      Object.entries(settings)
        .map(([name, value]) => `${name} ${value}\n`)
        .join(""),
    );
    const { sshd, env } = await program(dir);
    stack.use(
      await ServerProcess.start(
        [...(await asOrdinaryUser(home)), sshd, "-D", "-e", "-f", join(dir, "config")],
        /Server listening/,
        env,
      ),
    );
    const hostKey = (await readFile(join(dir, "host_key.pub"), "utf8")).trim();
    return new SshServer(port, dir, home, hostKey, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** This computer's server or, if it has none, that of its release, unpacked. */
async function program(dir: string): Promise<{ sshd: string; env: Record<string, string> }> {
  if (existsSync("/usr/sbin/sshd")) return { sshd: "/usr/sbin/sshd", env: {} };
  const [, suite] = /^VERSION_CODENAME=(.*)$/m.exec(await readFile("/etc/os-release", "utf8")) ?? [];
  if (!suite) throw new Error("there is no /usr/sbin/sshd");
  const folder = await debs({
    packages: ["openssh-server"],
    suite,
    status: await readFile("/var/lib/dpkg/status", "utf8"),
  });
  const root = await unpackDebs(folder, join(dir, "root"));
  return { sshd: join(root, "usr/sbin/sshd"), env: { LD_LIBRARY_PATH: join(root, "usr/lib/x86_64-linux-gnu") } };
}

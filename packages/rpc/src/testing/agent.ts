/** For tests: the real guest agent in development mode, as the user who runs the tests, in a directory of its own. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { GuestClient } from "@sandkeep/host";

const GUEST_SOURCE = new URL("../../../../guest", import.meta.url).pathname;
const HELLO_TIMEOUT_MS = 10_000;

export interface TestAgent extends AsyncDisposable {
  guest: GuestClient;
  /** The sandbox's home: relative paths start here. */
  home: string;
}

/** Builds the agent and starts it. @param options.path directories to put in front of its PATH */
export async function startAgent(options: { path?: string[] } = {}): Promise<TestAgent> {
  const folder = await mkdtemp(join(tmpdir(), "sandkeep-rpc-"));
  const home = join(folder, "home");
  const binary = join(folder, "agent");
  const socketPath = join(folder, "agent.sock");
  const run = promisify(execFile);
  await run("mkdir", [home]);
  await run("go", ["build", "-o", binary, "./cmd/agent"], { cwd: GUEST_SOURCE });

  const path = [...(options.path ?? []), process.env.PATH].join(":");
  // A killed test run must not leave it behind.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", binary, "-unix", socketPath, "-home", home], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PATH: path },
  });
  const exited = once(child, "exit");
  const socket = await connected(socketPath);
  const guest = await GuestClient.connect(socket, HELLO_TIMEOUT_MS);
  return {
    guest,
    home,
    async [Symbol.asyncDispose]() {
      // In a machine they would end with it; here they would live on.
      const processes = await guest.call("processList", {}).catch(() => []);
      const running = processes.filter(({ exit }) => exit === null);
      await Promise.all(
        running.map(({ pid }) => guest.call("processKill", { pid, signal: "SIGKILL" }).catch(() => {})),
      );
      guest.close();
      child.kill("SIGKILL");
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The agent does not announce that it listens: retry until it does. */
async function connected(path: string): Promise<Socket> {
  const deadline = Date.now() + HELLO_TIMEOUT_MS;
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, "connect");
      return socket;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(5);
    }
  }
}

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const SETUP = fileURLToPath(new URL("../../../../../../scripts/setup", import.meta.url));
const run = promisify(execFile);
/** Ports that were free may be taken by the time that Pebble wants them. */
const TRIES = 5;
const FIRST_PORT = 10_000;
/** Linux's default (`ip_local_port_range`). */
const FIRST_EPHEMERAL_PORT = 32_768;

export interface PebbleOptions {
  dir: string;
  /** PEM files of its own HTTPS server. */
  certFile: string;
  keyFile: string;
  nameServer: string;
  /** Ports at which it looks for answers to challenges, in place of 80 and 443. */
  httpPort: number;
  tlsPort: number;
  /** Base64url keys of the external accounts that it wants, by id. */
  externalAccounts?: Record<string, string>;
  /** Percentage of requests whose nonce it rejects. */
  rejectNonces?: number;
}

/** FOR TESTS ONLY: Let's Encrypt's test server, as a process. Debian's package; scripts/setup --development installs it. */
export class Pebble implements AsyncDisposable {
  readonly port: number;
  readonly managementPort: number;
  readonly #process: ChildProcess;

  private constructor(port: number, managementPort: number, process: ChildProcess) {
    this.port = port;
    this.managementPort = managementPort;
    this.#process = process;
  }

  static async start(options: PebbleOptions): Promise<Pebble> {
    await install();
    for (let tries = 1; ; tries++) {
      const pebble = await Pebble.#try(options);
      if (pebble) return pebble;
      if (tries === TRIES) throw new Error("Pebble does not start.");
    }
  }

  static async #try(options: PebbleOptions): Promise<Pebble | null> {
    const { dir, certFile, keyFile, nameServer, httpPort, tlsPort, externalAccounts, rejectNonces = 0 } = options;
    const [port, managementPort] = [await freePort(), await freePort()];
    const config = {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${managementPort}`,
      certificate: certFile,
      privateKey: keyFile,
      httpPort,
      tlsPort,
      externalAccountBindingRequired: externalAccounts !== undefined,
      externalAccountMACKeys: externalAccounts ?? {},
      retryAfter: { authz: 1, order: 1 },
    };
    const file = join(dir, `pebble-${port}.json`);
    await writeFile(file, JSON.stringify({ pebble: config }));
    const process = spawn("pebble", ["-config", file, "-dnsserver", nameServer], {
      env: {
        PATH: globalThis.process.env.PATH,
        PEBBLE_VA_NOSLEEP: "1",
        PEBBLE_WFE_NONCEREJECT: String(rejectNonces),
        PEBBLE_AUTHZREUSE: "0",
      },
      stdio: "ignore",
    });
    await once(process, "spawn");
    const pebble = new Pebble(port, managementPort, process);
    while (process.exitCode === null) {
      if ((await listens(port)) && (await listens(managementPort))) return pebble;
      await delay(20);
    }
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }
}

let installed: Promise<void> | null = null;

function install(): Promise<void> {
  return (installed ??= (async () => {
    const found = await run("sh", ["-c", "command -v pebble"]).catch(() => null);
    if (!found) await run(SETUP, ["--development"]);
  })());
}

/**
 * A port to listen on later, on 127.0.0.1. Not among those that the system gives to connections and to servers on port 0: these might
 * take it meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, FIRST_EPHEMERAL_PORT);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pathWithGo } from "@sandkeep/host/testing";
import { UPSTREAM_NAME } from "./upstream.ts";

const GUEST = fileURLToPath(new URL("../../guest", import.meta.url));

/** What a request took. */
export interface Taken {
  ms: number;
  /** Size of the body. */
  bytes: number;
  /** Processor time that the client used. */
  cpuSeconds: number;
}

export interface ClientOptions {
  /** Path of the program. */
  program: string;
  /** PEM file of the CA that signed the certificate the client gets to see. */
  caFile: string;
  authorization?: string;
  /** Connects to the upstream on this port of the computer, or through a proxy that connects to this Unix socket. */
  through: number | string;
}

/** Builds the client, `guest/cmd/egress-client`, into a directory. @returns the program's path */
export async function buildClient(directory: string): Promise<string> {
  const program = join(directory, "egress-client");
  // The flags of the agent's build, so that what both contain is compiled once.
  const flags = ["-C", GUEST, "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program];
  await promisify(execFile)("go", ["build", ...flags, "./cmd/egress-client"], {
    env: { ...process.env, CGO_ENABLED: "0", PATH: pathWithGo() },
  }).catch((cause: unknown) => {
    throw new Error(`the client of the measurements could not be built; see \`sandkeep doctor\`\n${cause}`, { cause });
  });
  return program;
}

/** A client of the upstream in a process of its own. It sends its requests on one connection, one after the other. */
export class Client implements AsyncDisposable {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  private constructor({ program, caFile, authorization, through }: ClientOptions) {
    const way = typeof through === "number" ? ["-upstream", `127.0.0.1:${through}`] : ["-port", through];
    const args = ["-name", UPSTREAM_NAME, "-ca", caFile, "-authorization", authorization ?? "none", ...way];
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Resolves when the client is ready; a proxy can then be attached to its socket. */
  static async start(options: ClientOptions): Promise<Client> {
    const client = new Client(options);
    await client.#line();
    return client;
  }

  async fetch(path: string): Promise<Taken> {
    this.#child.stdin.write(`${path}\n`);
    return JSON.parse(await this.#line()) as Taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill();
    await ended;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the client of the measurements has ended; it says above why");
    return value;
  }
}

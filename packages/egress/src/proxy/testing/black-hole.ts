/** A loopback port that does not answer a SYN: its accept queue is full, and nobody accepts connections. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** More than fit into a queue of one. */
const FILLERS = 4;

export class BlackHole implements AsyncDisposable {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #fillers: Socket[];

  private constructor(process: ChildProcess, port: number, fillers: Socket[]) {
    this.#process = process;
    this.port = port;
    this.#fillers = fillers;
  }

  /** @param port of `address`, which is to be free */
  static async open(address: string, port: number): Promise<BlackHole> {
    const code = `require("net").createServer().listen({ host: "${address}", port: ${port}, backlog: 1 }, () => {
      process.stdout.write("ready\\n");
      // It stops here, before it takes a connection.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
    const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout!, "data");
    const fillers = Array.from({ length: FILLERS }, () => connect(port, address).on("error", () => undefined));
    // The queue holds two; the others stay without an answer.
    await Promise.all([once(fillers[0]!, "connect"), once(fillers[1]!, "connect")]);
    return new BlackHole(child, port, fillers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}

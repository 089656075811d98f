import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import * as packet from "dns-packet";

/** FOR TESTS ONLY: a name server on 127.0.0.1. Every name is this computer, except those in `missing`. */
export class NameServer implements AsyncDisposable {
  /** Names that do not exist. */
  readonly missing = new Set<string>();
  readonly #socket: Socket = createSocket("udp4");

  private constructor() {}

  /** @param texts the TXT records of a name */
  static async start(texts: (name: string) => Promise<string[]>): Promise<NameServer> {
    const server = new NameServer();
    server.#socket.on("message", async (query, { port, address }) => {
      const { id = 0, questions = [] } = packet.decode(query);
      const { name = "", type } = questions[0] ?? {};
      const known = !server.missing.has(name.toLowerCase());
      const answers: packet.Answer[] = [];
      if (type === "A" && known) answers.push({ type: "A", name, ttl: 1, data: "127.0.0.1" });
      if (type === "TXT" && known)
        for (const data of await texts(name.toLowerCase())) answers.push({ type: "TXT", name, ttl: 1, data });
      const flags = packet.RECURSION_AVAILABLE | (known ? 0 : NXDOMAIN);
      server.#socket.send(packet.encode({ type: "response", id, flags, questions, answers }), port, address);
    });
    await once(server.#socket.bind(0, "127.0.0.1"), "listening");
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
  }
}

const NXDOMAIN = 3;

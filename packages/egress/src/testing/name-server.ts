/** A name server on 127.0.0.1 that answers as a test specifies, and when it says so. */
import { createSocket, type Socket } from "node:dgram";
import { EventEmitter, once } from "node:events";
import * as packet from "dns-packet";

export class TestNameServer implements AsyncDisposable {
  /** Every query, such as `A example.com`. */
  readonly questions: string[] = [];
  readonly #socket: Socket = createSocket("udp4");
  readonly #records: (question: packet.Question) => packet.Answer[] | null;
  readonly #asked = new EventEmitter();
  #held: (() => void)[] | null = null;

  private constructor(records: (question: packet.Question) => packet.Answer[] | null) {
    this.#records = records;
    this.#socket.on("message", (query, { port, address }) => {
      const { id = 0, questions = [] } = packet.decode(query);
      const answers = this.#records(questions[0]!);
      const reply = packet.encode({
        type: "response",
        id,
        flags: packet.RECURSION_AVAILABLE | (answers === null ? NXDOMAIN : 0),
        questions,
        answers: answers ?? [],
      });
      const send = () => this.#socket.send(reply, port, address);
      if (this.#held) this.#held.push(send);
      else send();
      this.questions.push(`${questions[0]!.type} ${questions[0]!.name}`);
      this.#asked.emit("question");
    });
  }

  /** @param records the answer to a query; null if there is no such name */
  static async start(records: (question: packet.Question) => packet.Answer[] | null): Promise<TestNameServer> {
    const server = new TestNameServer(records);
    await once(server.#socket.bind(0, "127.0.0.1"), "listening");
    return server;
  }

  /** In the form of `egress.dnsServers`. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  /** Holds back answers from now on. The returned function releases them. */
  hold(): () => void {
    this.#held = [];
    return () => {
      for (const send of this.#held?.splice(0) ?? []) send();
      this.#held = null;
    };
  }

  /** Resolves when a query has arrived, now or earlier. */
  async asked(question: string): Promise<void> {
    while (!this.questions.includes(question)) await once(this.#asked, "question");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
  }
}

const NXDOMAIN = 3;

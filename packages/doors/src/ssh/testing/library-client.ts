import { once } from "node:events";
import type {
  ClientChannel,
  ConnectConfig,
  IdentityCallback,
  ParsedKey,
  SignCallback,
  Client as Ssh2Client,
} from "ssh2";
import { BaseAgent, Client } from "../ssh2.ts";
import type { TestServer } from "./test-server.ts";

/** The insides of a client that decide what it sends. */
export interface Insides {
  /** Opens channels: `packetSize` is the largest packet that the client takes. */
  session(channel: number, window: number, packetSize: number): void;
  directTcpip(channel: number, window: number, packetSize: number, address: object): void;
  /** Asks for a program on a channel of the server's. */
  exec(channel: number, command: string, wantReply: boolean): void;
  channelClose(channel: number): void;
  rekey(): void;
}

/** What packets are made with. */
interface PacketInsides {
  _cipher: { encrypt(packet: Buffer): void };
  _packetRW: {
    write: { allocStart: number; alloc(bytes: number): Buffer; finalize(packet: Buffer): Buffer };
  };
}

/** FOR TESTS ONLY: a client of `ssh2` that is about to log in, and can be made to do what OpenSSH never does. */
export function startClient({ port }: TestServer, username: string, config: ConnectConfig = {}): Ssh2Client {
  const client = new Client();
  client.on("error", () => {});
  client.connect({ host: "127.0.0.1", port, username, ...config });
  return client;
}

/** The same, once it has logged in. */
export async function loggedIn(server: TestServer, username: string): Promise<Ssh2Client> {
  const client = startClient(server, username);
  await once(client, "ready");
  // Else each of its small requests waits until the one before it is acknowledged.
  return client.setNoDelay(true);
}

export function insides(client: Ssh2Client): Insides {
  return (client as Ssh2Client & { _protocol: Insides })._protocol;
}

/** Sends any message. */
export function send(client: Ssh2Client, message: Uint8Array): void {
  const { _cipher: cipher, _packetRW: packets } = insides(client) as unknown as PacketInsides;
  const start = packets.write.allocStart;
  const packet = packets.write.alloc(message.length);
  packet.set(message, start);
  cipher.encrypt(packets.write.finalize(packet));
}

/** Starts a program. */
export function exec(client: Ssh2Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) =>
    client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel))),
  );
}

/** FOR TESTS ONLY: an agent with a single key that signs only when it is told to. */
export class HesitantAgent extends BaseAgent<ParsedKey> {
  /** Resolves when the server has accepted the key, and waits for the signature. */
  readonly asked: Promise<void>;
  readonly #key: ParsedKey;
  readonly #ask: () => void;
  readonly #consent = Promise.withResolvers<void>();

  constructor(key: ParsedKey) {
    super();
    this.#key = key;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.asked = promise;
    this.#ask = resolve;
  }

  /** Lets it sign. */
  agree(): void {
    this.#consent.resolve();
  }

  getIdentities(done: IdentityCallback<ParsedKey>): void {
    done(null, [this.#key]);
  }

  sign(_key: ParsedKey, data: Buffer, options: unknown, done?: SignCallback): void {
    this.#ask();
    const answer = done ?? (options as SignCallback);
    void this.#consent.promise.then(() => answer(null, this.#key.sign(data)));
  }
}

import type { Socket } from "node:net";
import type { Connection as Client, ServerChannel, Session } from "ssh2";
import { Forwarding } from "./channels/forwarding.ts";
import { Outlet } from "./channels/outlet.ts";
import type { Room } from "./channels/room.ts";
import { type ChannelContext, serveSession } from "./channels/session.ts";
import {
  MAX_CHANNELS,
  MAX_HOST_CHARS,
  MAX_UNREAD_BYTES,
  MAX_UNREAD_CHANNEL_BYTES,
  MAX_UNSENT_BYTES,
  MIN_PACKET_BYTES,
} from "./limits.ts";

export interface ClientContext extends Omit<ChannelContext, "outlet"> {
  room: Room;
  /** Ends the connection. */
  expel(reason: string): void;
}

/** Serves a client that has logged in: opens channels for it, and watches that it does not fill the server's memory. */
export class ServedClient {
  readonly #socket: Socket;
  readonly #context: ClientContext & ChannelContext;
  readonly #channels = new Set<ServerChannel>();
  /** Channels that are open or about to be. */
  #count = 0;
  /** Requests to listen that the sandbox has not answered yet. */
  #listening = 0;

  constructor(client: Client, socket: Socket, context: ClientContext) {
    this.#socket = socket;
    this.#context = { ...context, outlet: (channel) => this.#outlet(channel) };
    client.on("session", (accept, reject) => this.#session(accept, reject));
    const forwarding = new Forwarding(client, this.#context);
    client.on("tcpip", (accept, reject, address) => {
      if (address.destIP.length > MAX_HOST_CHARS || !this.#reserve()) return reject();
      const open = () => {
        if (this.#context.signal.aborted) return null;
        const channel = accept() as ServerChannel | undefined;
        return channel ? this.#outlet(channel) : null;
      };
      void forwarding.dial(address, open, reject).finally(() => this.#count--);
    });
    client.on("request", (accept, reject, name, info) => {
      if (name === "tcpip-forward") {
        const answer = accept as ((port: number) => void) | undefined;
        const { bindAddr, bindPort } = info as { bindAddr: string; bindPort: number };
        this.#pauseWhile(forwarding.listen({ bindAddr, bindPort })).then(
          (port) => answer?.(port),
          () => reject?.(),
        );
      } else if (name === "cancel-tcpip-forward") {
        if (forwarding.cancel(info as { bindAddr: string; bindPort: number })) accept?.();
        else reject?.();
      } else reject?.();
    });
    socket.on("data", () => this.#checkBuffers());
  }

  #session(accept: () => Session, reject: () => void): void {
    if (!this.#reserve()) return reject();
    const session = accept();
    session.once("close", () => this.#count--);
    serveSession(session, this.#context);
  }

  #reserve(): boolean {
    if (this.#count >= MAX_CHANNELS) return false;
    this.#count++;
    return true;
  }

  /** Answers to requests are sent in order, and `ssh2` keeps as many as there are: the client must wait for this one. */
  async #pauseWhile<Result>(task: Promise<Result>): Promise<Result> {
    this.#listening++;
    this.#socket.pause();
    try {
      return await task;
    } finally {
      if (--this.#listening === 0) this.#socket.resume();
    }
  }

  #outlet(channel: ServerChannel): Outlet {
    const { outgoing } = channel as ServerChannel & { outgoing: { packetSize: number } };
    if (outgoing.packetSize < MIN_PACKET_BYTES) this.#context.expel("The client takes only tiny packets.");
    this.#channels.add(channel);
    channel.once("close", () => this.#channels.delete(channel));
    return new Outlet(channel, this.#context.room, this.#context.signal);
  }

  #checkBuffers(): void {
    if (this.#socket.writableLength > MAX_UNSENT_BYTES)
      return this.#context.expel("The client does not read what it is sent.");
    let unread = 0;
    for (const { readableLength } of this.#channels) {
      unread += readableLength;
      if (readableLength > MAX_UNREAD_CHANNEL_BYTES) return this.#context.expel("The client sends more than it may.");
    }
    if (unread > MAX_UNREAD_BYTES)
      this.#context.expel("The client sends more than its sandbox takes, on too many channels.");
  }
}

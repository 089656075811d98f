import type { Socket } from "node:net";
import type { Connection as Client, ServerChannel, Session } from "ssh2";
import type { ChannelContext } from "./channels/context.ts";
import { Forwarding } from "./channels/forwarding.ts";
import { Outlet } from "./channels/outlet.ts";
import type { Room } from "./channels/room.ts";
import { serveSession } from "./channels/session.ts";
import type { SshAddress, SshSocket } from "./contract.ts";
import type { Intake } from "./intake.ts";
import {
  MAX_CHANNELS,
  MAX_HOST_CHARS,
  MAX_UNREAD_BYTES,
  MAX_UNREAD_CHANNEL_BYTES,
  MIN_PACKET_BYTES,
} from "./limits.ts";

export interface ClientContext extends Omit<ChannelContext, "outlet"> {
  room: Room;
  intake: Intake;
  /** To be called when it has sent something. */
  hasSent(): void;
  /** Ends the connection. */
  expel(reason: string): void;
}

/** What is used of the insides of `ssh2`. */
interface SessionInsides {
  _channel: ServerChannel | undefined;
  _chanInfo: { incoming: { id: number }; outgoing: { id: number } };
}
interface ClientInsides {
  _chanMgr: { remove(id: number): void };
  _protocol: { channelClose(id: number): void };
}

/** Serves a client that has logged in: opens channels for it, and watches that it does not fill the server's memory. */
export class ServedClient {
  readonly #client: Client;
  readonly #context: ClientContext & ChannelContext;
  readonly #channels = new Set<ServerChannel>();
  /** Channels that are open or about to be, and those whose process is still being started or left. */
  #count = 0;

  constructor(client: Client, socket: Socket, context: ClientContext) {
    this.#client = client;
    this.#context = { ...context, outlet: (channel) => this.#outlet(channel) };
    client.on("session", (accept, reject) => this.#session(accept, reject));
    const forwarding = new Forwarding(client, this.#context);
    const dial = (to: SshAddress | SshSocket, accept: () => unknown, reject: () => void) => {
      if (("path" in to ? to.path : to.host).length > MAX_HOST_CHARS || !this.#reserve()) return reject();
      const open = () => {
        if (this.#context.signal.aborted) return null;
        const channel = accept() as ServerChannel | undefined;
        return channel ? this.#outlet(channel) : null;
      };
      void forwarding.dial(to, open, reject).finally(() => this.#count--);
    };
    client.on("tcpip", (accept, reject, { destIP: host, destPort: port }) => dial({ host, port }, accept, reject));
    // Its typings have an answer here that is never given.
    client.on("openssh.streamlocal", (accept, reject, { socketPath: path }) =>
      dial({ path }, accept as () => unknown, reject as () => void),
    );
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
    session.once("close", () => this.#closeUnused(session));
    void serveSession(session, this.#context).finally(() => this.#count--);
  }

  /** `ssh2` does not answer when a session is closed in which nothing was started, and keeps it. */
  #closeUnused(session: Session): void {
    const { _channel: channel, _chanInfo: info } = session as unknown as SessionInsides;
    if (channel || this.#context.signal.aborted) return;
    const { _chanMgr: channels, _protocol: protocol } = this.#client as unknown as ClientInsides;
    channels.remove(info.incoming.id);
    protocol.channelClose(info.outgoing.id);
  }

  #reserve(): boolean {
    if (this.#count >= MAX_CHANNELS) return false;
    this.#count++;
    return true;
  }

  /** Answers to requests are sent in order, and `ssh2` keeps as many as there are: the client must wait for this one. */
  async #pauseWhile<Result>(task: Promise<Result>): Promise<Result> {
    const goOn = this.#context.intake.hold();
    try {
      return await task;
    } finally {
      goOn();
    }
  }

  #outlet(channel: ServerChannel): Outlet {
    const { outgoing } = channel as ServerChannel & { outgoing: { packetSize: number } };
    if (outgoing.packetSize < MIN_PACKET_BYTES) this.#context.expel("The client takes only tiny packets.");
    this.#channels.add(channel);
    channel.once("close", () => this.#channels.delete(channel));
    return new Outlet(channel, this.#context.room, this.#context.signal);
  }

  /** Bytes that it has sent and its sandbox has not taken yet. */
  get unread(): number {
    let bytes = 0;
    for (const { readableLength } of this.#channels) bytes += readableLength;
    return bytes;
  }

  #checkBuffers(): void {
    for (const { readableLength } of this.#channels)
      if (readableLength > MAX_UNREAD_CHANNEL_BYTES) return this.#context.expel("The client sends more than it may.");
    if (this.unread > MAX_UNREAD_BYTES)
      return this.#context.expel("The client sends more than its sandbox takes, on too many channels.");
    this.#context.hasSent();
  }
}

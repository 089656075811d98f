/** How a connection ended: a close code as WebSocket has them (RFC 6455, section 7.4), and a reason for people. */
export interface Closing {
  code: number;
  reason: string;
}

/** Both ends of a TCP connection, as long as it is open. A `net.Socket` is one. */
export interface TcpEndpoints {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Signs of whether a client is still there. */
export interface Liveness {
  readonly endpoints: TcpEndpoints;
  /** Bytes received so far, of whatever kind. */
  readonly receivedBytes: number;
  /** Bytes that the kernel has taken so far, and bytes that still wait for it. */
  readonly sentBytes: number;
  readonly waitingBytes: number;
  /** Whether the server itself is not reading, and so cannot hear the client. */
  readonly paused: boolean;
  /** Asks the client for a sign of life, which is received like any other bytes. */
  probe(): void;
}

/**
 * One client's connection to a sandbox, whatever protocol it speaks. This is all that a sandbox needs to know of it: it counts its
 * connections, ends them with itself or with the client's token, and notices clients that are no longer there.
 */
export interface Connection extends Liveness {
  /** Unique among all connections of all servers: events and the log name the connection by it. */
  readonly id: string;
  /** The client's address. */
  readonly remote: string;
  /** False once either side has begun to close: nothing is received or sent from then on. */
  readonly open: boolean;
  /** Resolves when the connection is closed, with the code and reason of whoever closed it first. */
  readonly closed: Promise<Closing>;
  /**
   * Tells the client why, and closes. The first code and reason count; a further call can only shorten the time.
   *
   * @param reason At most 123 bytes of UTF-8 (RFC 6455, section 5.5).
   * @param graceMs A client that has not answered by then is cut off. With 0 it is cut off at once.
   */
  close(code: number, reason: string, graceMs: number): void;
}

/** A connection that carries whole messages in both directions, such as a WebSocket: what RPC is served on. */
export interface MessageConnection extends Connection {
  /** Bytes of messages that have been given to `send` and have not left the process. */
  readonly bufferedBytes: number;
  /** Queues a text message. `sent` is called when it has left the process, or never will. */
  send(text: string, sent: () => void): void;
  /**
   * Sets who takes the client's messages.
   *
   * @param take `isText` says that the message came as text, so its bytes are known to be valid UTF-8.
   */
  onMessage(take: (bytes: Buffer, isText: boolean) => void): void;
  /** Sets who is told how many bytes of an incomplete message are held, each time that changes. */
  onUnfinished(tell: (bytes: number) => void): void;
  /** Stops reading, so that the client has to wait; or resumes. */
  pause(): void;
  resume(): void;
}

/** What a connection needs of a WebSocket, said here so that the types of this package ask for nobody else's. */
export interface Socket {
  readonly OPEN: number;
  readonly readyState: number;
  /** Bytes that were sent and have not reached the network. */
  readonly bufferedAmount: number;
  /** `done` is called when the text has left for the network, or never will. */
  send(text: string, done?: (error?: Error) => void): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  on(event: "message", listener: (data: unknown) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  once(event: "close", listener: (code: number, reason: { toString(): string }) => void): unknown;
}

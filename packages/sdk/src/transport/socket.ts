/** What a connection needs from a WebSocket. Declared here so that this package's types do not depend on another package's. */
export interface Socket {
  readonly OPEN: number;
  readonly readyState: number;
  /** Bytes that have been queued and have not reached the network. */
  readonly bufferedAmount: number;
  /** Calls `done` when the text has been sent or has failed. */
  send(text: string, done?: (error?: Error) => void): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  on(event: "message", listener: (data: unknown) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  once(event: "close", listener: (code: number, reason: { toString(): string }) => void): unknown;
}

import { type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

const owed = new WeakMap<Duplex, Set<ServerResponse>>();

/**
 * A response over HTTP/1, which its connection owes until it is over. Clients may send a request before they have the responses to earlier
 * ones (RFC 9112, section 9.3.2), and Node does not tell what is still to come on a connection.
 */
export class OwedResponse extends ServerResponse {
  constructor(...init: ConstructorParameters<typeof ServerResponse>) {
    super(...init);
    const { socket } = this.req;
    const responses = owed.get(socket) ?? new Set();
    owed.set(socket, responses.add(this));
    this.once("close", () => responses.delete(this));
  }
}

/** How many responses a connection owes. */
export function owedOn(socket: Duplex): number {
  return owed.get(socket)?.size ?? 0;
}

/** Whether a response is owed to a request that has arrived completely. */
export function owesComplete(socket: Duplex): boolean {
  return [...(owed.get(socket) ?? [])].some(({ req }: { req: IncomingMessage }) => req.complete);
}

/** Ends a connection with all that it owes, also what Node has forgotten after an upgrade. */
export function abandon(socket: Duplex): void {
  for (const response of owed.get(socket) ?? []) response.destroy();
  socket.destroy();
}

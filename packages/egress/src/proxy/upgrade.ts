/** Requests after which a connection is no longer HTTP: WebSocket and CONNECT. */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { exchange } from "./exchange.ts";
import { guestRequest, Reply } from "./http1-message.ts";
import { Refusal } from "./refusal.ts";
import type { Session } from "./session.ts";

export async function answerUpgrade(session: Session, request: IncomingMessage, stream: Duplex): Promise<void> {
  const response = new ServerResponse(request);
  response.assignSocket(stream as Socket);
  const guest = guestRequest(session, request, false);
  await exchange(session, { ...guest, body: null, length: 0 }, new Reply(request, response), () => {
    throw Refusal.malformed("Not supported.", 501);
  });
  stream.end(() => stream.destroy());
}

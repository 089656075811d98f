/** WebSockets over HTTP/1.1 (RFC 6455): the handshake is a request like any other, then come frames. */
import { createHash } from "node:crypto";
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { bodyMayChange, bodySubstitution, type Scanner } from "../secrets/mod.ts";
import { respond, settle, upstreamRequest } from "./exchange.ts";
import { guestRequest, Reply } from "./http1-message.ts";
import { type Header, lists, value, without } from "./headers.ts";
import { type Prepared, prepare } from "./prepare.ts";
import type { RequestRecord } from "./record.ts";
import { redactHeaders } from "./redaction.ts";
import { Refusal } from "./refusal.ts";
import type { Session } from "./session.ts";
import { splice } from "./splice.ts";
import { approvedSecrets } from "./substitution.ts";
import { UpstreamHttp1 } from "./upstream-http1.ts";
import { Frames } from "./websocket-frames.ts";

/** RFC 6455 §1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Serves a request for a WebSocket and the WebSocket; the connection is its own from here on. */
export async function serveWebSocket(session: Session, incoming: IncomingMessage, stream: Duplex): Promise<void> {
  const response = new ServerResponse(incoming);
  response.assignSocket(stream as Socket);
  const plain = guestRequest(session, incoming, false);
  const reply = new Reply(incoming, response);
  await settle(session, { ...plain, protocol: "websocket" }, reply, async (record) => {
    const key = checkHandshake(plain.head.method, plain.head.version, plain.head.headers, plain.body !== null);
    const prepared = await prepare(session, plain, reply.signal, record);
    if (prepared.answer) {
      record.event.status = prepared.answer.status;
      return reply.send({ status: prepared.answer.status, statusText: "", headers: prepared.answer.headers, last: true }, prepared.answer.body, () => []);
    }
    const searched = !session.flow.tenant.redactor.isEmpty;
    // Compressed frames could not be searched.
    if (searched) prepared.placed.headers = without(prepared.placed.headers, "sec-websocket-extensions");
    const connection = await session.upstream(prepared.site, (socket) => new UpstreamHttp1(socket));
    record.event.address = session.address;
    if (!(connection instanceof UpstreamHttp1)) throw Refusal.failed("The upstream's connection carries no WebSockets.");
    const answer = await connection.upgrade(upstreamRequest(session, prepared, plain, reply, null), reply.signal);
    if ("status" in answer) return respond(session, prepared, { ...answer, last: true }, reply, record);
    checkAnswer(answer.headers, key, searched);
    record.event.status = 101;
    response.detachSocket(stream as Socket);
    stream.write(head(redactHeaders(session.flow.tenant.redactor, answer.headers)), "latin1");
    await carry(session, prepared, stream, answer.socket, searched, record);
  });
}

/** @throws {Refusal} for a handshake that is none (RFC 6455 §4.2.1) */
function checkHandshake(method: string, version: string, headers: Header[], hasBody: boolean): string {
  const key = value(headers, "sec-websocket-key") ?? "";
  if (method !== "GET" || version !== "1.1" || hasBody) throw Refusal.malformed("The request for a WebSocket is not a GET of HTTP/1.1 without a body.");
  if (Buffer.from(key, "base64").length !== 16 || value(headers, "sec-websocket-version") !== "13") {
    throw new Refusal("The request for a WebSocket is not of version 13.", { status: 426, verdict: "denied", headers: [["sec-websocket-version", "13"]] });
  }
  return key;
}

/** @throws {Refusal} when the upstream did not agree to what was asked for */
function checkAnswer(headers: Header[], key: string, searched: boolean): void {
  const accept = createHash("sha1").update(key + GUID).digest("base64");
  if (!lists(headers, "upgrade", "websocket") || value(headers, "sec-websocket-accept") !== accept) throw Refusal.failed("The upstream's answer is not that of a WebSocket.");
  if (searched && value(headers, "sec-websocket-extensions")) throw Refusal.failed("The upstream uses an extension of WebSocket that it was not asked for.");
}

function head(headers: Header[]): string {
  const list = [["Upgrade", "websocket"], ["Connection", "Upgrade"], ...without(headers, "upgrade", "connection", "content-length", "transfer-encoding", "keep-alive")];
  return `HTTP/1.1 101 Switching Protocols\r\n${list.map(([name, text]) => `${name}: ${text}\r\n`).join("")}\r\n`;
}

async function carry(session: Session, { site }: Prepared, guest: Duplex, upstream: Duplex, searched: boolean, record: RequestRecord): Promise<void> {
  const up = searched ? new Frames({ masked: true, message: substituting(session, site, record), control: () => null }) : null;
  const down = searched ? new Frames({ masked: false, message: redacting(session, false), control: redacting(session, true) }) : null;
  const { bytesUp, bytesDown, error } = await splice(guest, upstream, { up, down });
  record.event.bytesUp = bytesUp;
  record.event.bytesDown = bytesDown;
  if (error) record.event.reason = error.message;
}

/** Values go into messages to hosts that may get them in bodies; of others it is only noted that placeholders were there. */
function substituting(session: Session, site: Prepared["site"], record: RequestRecord): () => Scanner {
  let cached: { of: object; scanner: Scanner } | null = null;
  return () => {
    const { secrets } = session.flow.tenant;
    if (cached?.of !== secrets) {
      const approved = approvedSecrets(session, site);
      const inner = bodySubstitution(bodyMayChange(approved) ? approved : [], secrets, undefined);
      const flush = () => {
        const rest = inner.flush();
        record.note("secrets", inner.used());
        record.note("placeholders", inner.refused());
        return rest;
      };
      cached = { of: secrets, scanner: { push: (chunk) => inner.push(chunk), flush } };
    }
    return cached.scanner;
  };
}

function redacting(session: Session, keepLength: boolean): () => Scanner {
  let cached: { of: object; scanner: Scanner } | null = null;
  return () => {
    const { redactor } = session.flow.tenant;
    if (cached?.of !== redactor) cached = { of: redactor, scanner: redactor.scanner({ keepLength }) };
    return cached.scanner;
  };
}


/** WebSockets over HTTP/1.1 (RFC 6455): the handshake is a request like any other, followed by frames. */
import { createHash } from "node:crypto";
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Header, lists, value, without } from "@sandkeep/common/http";
import type { Scanner } from "../../../secrets/mod.ts";
import type { RequestRecord } from "../../connection/record.ts";
import { plainText, Refusal } from "../../refusal.ts";
import { splice } from "../../streams/splice.ts";
import { respond, settle, upstreamRequest } from "../exchange.ts";
import type { HttpConnection } from "../http-connection.ts";
import { guestRequest, Reply } from "../http1/http1-message.ts";
import { UpstreamHttp1 } from "../http1/upstream-http1.ts";
import { Ending } from "../request/ending.ts";
import type { Permit } from "../request/permit.ts";
import { type Prepared, prepare } from "../request/prepare.ts";
import { LiveSubstitution } from "../secrets/live-substitution.ts";
import { redactHeaders } from "../secrets/redaction.ts";
import { approvedSecrets } from "../secrets/substitution.ts";
import { Frames } from "./websocket-frames.ts";

/** RFC 6455 §1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Serves a WebSocket request and then the WebSocket itself, which takes over the connection. */
export async function serveWebSocket(
  connection: HttpConnection,
  incoming: IncomingMessage,
  stream: Duplex,
): Promise<void> {
  const response = new ServerResponse(incoming);
  response.assignSocket(stream as Socket);
  const plain = guestRequest(connection, incoming, false);
  const reply = new Reply(incoming, response);
  const asked = { ...plain, protocol: "websocket" as const };
  await settle(connection, asked, reply, async (record) => {
    const key = checkHandshake(plain.head.method, plain.head.version, plain.head.headers, plain.body !== null);
    const prepared = await prepare(connection, asked, reply.signal, record);
    if (prepared.answer) {
      record.event.status = prepared.answer.status;
      return reply.send(
        { status: prepared.answer.status, statusText: "", headers: prepared.answer.headers, last: true },
        prepared.answer.body,
        () => [],
      );
    }
    const upstream = await connection.upstream(prepared.site, (socket) => new UpstreamHttp1(socket));
    record.event.address = connection.address;
    if (!(upstream instanceof UpstreamHttp1))
      throw Refusal.failed("The upstream's connection cannot carry WebSockets.");
    const { permit } = prepared;
    // Do not await anything from here to the request: secrets must be current.
    const placed = prepared.place();
    const searched = !connection.flow.sandbox.redactor.isEmpty;
    // Compressed frames could not be searched, and their content not be counted.
    const read = searched || permit.limitsSize;
    const headers = read ? without(placed.headers, "sec-websocket-extensions") : placed.headers;
    const ending = new Ending(connection.flow.sandbox, permit, reply.signal);
    let answer: Awaited<ReturnType<UpstreamHttp1["upgrade"]>>;
    try {
      answer = await upstream.upgrade(
        upstreamRequest(connection, prepared, { ...placed, headers }, plain, reply, null),
        ending.signal,
      );
      if ("status" in answer)
        return await respond(connection, prepared, placed, { ...answer, last: true }, reply, record);
    } catch (error) {
      throw ending.reasonFor(error);
    } finally {
      ending[Symbol.dispose]();
    }
    checkResponse(answer.headers, key, read);
    record.event.status = 101;
    response.detachSocket(stream as Socket);
    stream.write(head(redactHeaders(connection.flow.sandbox.redactor, answer.headers)), "latin1");
    await carry(connection, prepared, stream, answer.socket, read, record);
  });
}

/** @throws {Refusal} if the handshake is invalid (RFC 6455 §4.2.1) */
function checkHandshake(method: string, version: string, headers: Header[], hasBody: boolean): string {
  const key = value(headers, "sec-websocket-key") ?? "";
  if (method !== "GET" || version !== "1.1" || hasBody)
    throw Refusal.malformed("A WebSocket handshake must be a GET over HTTP/1.1 without a body.");
  if (Buffer.from(key, "base64").length !== 16 || value(headers, "sec-websocket-version") !== "13") {
    throw new Refusal("The WebSocket handshake is not of version 13.", {
      status: 426,
      verdict: "denied",
      headers: [["sec-websocket-version", "13"]],
    });
  }
  return key;
}

/** @throws {Refusal} if the upstream did not accept the handshake as sent */
function checkResponse(headers: Header[], key: string, searched: boolean): void {
  const accept = createHash("sha1")
    .update(key + GUID)
    .digest("base64");
  if (!lists(headers, "upgrade", "websocket") || value(headers, "sec-websocket-accept") !== accept)
    throw Refusal.failed("The upstream's response is not a WebSocket handshake.");
  if (searched && value(headers, "sec-websocket-extensions"))
    throw Refusal.failed("The upstream uses a WebSocket extension that was not requested.");
}

function head(headers: Header[]): string {
  const list = [
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ...without(headers, "upgrade", "connection", "content-length", "transfer-encoding", "keep-alive"),
  ];
  return `HTTP/1.1 101 Switching Protocols\r\n${list.map(([name, text]) => `${name}: ${text}\r\n`).join("")}\r\n`;
}

async function carry(
  connection: HttpConnection,
  { site, permit }: Prepared,
  guest: Duplex,
  upstream: Duplex,
  read: boolean,
  record: RequestRecord,
): Promise<void> {
  const { sandbox } = connection.flow;
  const release = sandbox.hold(
    () => permit.decide(),
    (why) => upstream.destroy(permit.refusal(why)),
  );
  const messages = new LiveSubstitution(
    () => sandbox.secrets,
    () => approvedSecrets(connection, site),
    undefined,
    record,
  );
  const up = read
    ? new Frames({
        masked: true,
        message: () => counted(permit, messages, true),
        control: () => counted(permit, null, false),
      })
    : null;
  const down = read
    ? new Frames({ masked: false, message: redacting(connection, false), control: redacting(connection, true) })
    : null;
  const { bytesUp, bytesDown, error } = await splice(guest, upstream, {
    up,
    down,
    farewell: (error) => (read && error instanceof Refusal ? closeFrame(error) : null),
  });
  release();
  const { event } = record;
  event.bytesUp = bytesUp;
  event.bytesDown = bytesDown;
  if (error) event.reason = error.message;
  if (error instanceof Refusal) Object.assign(event, { verdict: error.verdict, rule: error.rule ?? event.rule });
}

/**
 * Counts payloads against a permit before they are sent.
 *
 * @param scanner what they pass through then; null leaves them unchanged
 * @param whole true for a message, which counts as a request; false for a control frame
 */
function counted(permit: Permit, scanner: Scanner | null, whole: boolean): Scanner {
  if (whole) permit.message();
  return {
    push: (chunk) => {
      permit.send(chunk.length);
      return scanner ? scanner.push(chunk) : [chunk];
    },
    flush: () => scanner?.flush() ?? [],
  };
}

function redacting(connection: HttpConnection, keepLength: boolean): () => Scanner {
  let cached: { of: object; scanner: Scanner } | null = null;
  return () => {
    const { redactor } = connection.flow.sandbox;
    if (cached?.of !== redactor) cached = { of: redactor, scanner: redactor.scanner({ keepLength }) };
    return cached.scanner;
  };
}

/** RFC 6455 §7.4.1: closed because a message violates a policy. */
const POLICY_VIOLATION = 1008;
/** RFC 6455 §5.5: payload of a control frame without the two bytes of the code. */
const MAX_CLOSE_REASON_BYTES = 123;

function closeFrame({ message }: Refusal): Buffer {
  const reason = Buffer.from(plainText(message, MAX_CLOSE_REASON_BYTES));
  return Buffer.concat([Buffer.from([0x88, 2 + reason.length, POLICY_VIOLATION >> 8, POLICY_VIOLATION & 255]), reason]);
}

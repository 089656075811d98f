/** A WebSocket through a door: once both sides have switched protocols, bytes go through as they are. */
import { request as httpRequest, type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Header } from "@sandkeep/common/http";
import { ApiError } from "@sandkeep/protocol";
import type { HttpDoor, HttpDoors } from "../contract.ts";
import { sendError } from "./answer.ts";
import { passOn, reasonOf } from "./exchange.ts";
import { ANSWER_TIMEOUT_MS, HALF_OPEN_MS, MAX_HEADER_BYTES, MAX_HEADERS, PROBE_AFTER_MS } from "./limits.ts";
import { upgradeHead } from "./request-head.ts";
import { badAnswer, responseHead } from "./response-head.ts";
import type { Visit } from "./visit.ts";

/** A request for a WebSocket, and the connection that is to become one. */
export class Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** What followed the request already. */
  readonly head: Buffer;
  #refusal: ServerResponse | null = null;

  constructor(request: IncomingMessage, socket: Socket, head: Buffer) {
    this.request = request;
    this.socket = socket;
    this.head = head;
  }

  /** The answer if it is not granted: an ordinary response, after which the connection ends. There is only one. */
  get refusal(): ServerResponse {
    if (this.#refusal) return this.#refusal;
    const { request, socket } = this;
    const answer = new ServerResponse(request);
    answer.shouldKeepAlive = false;
    answer.assignSocket(socket);
    answer.on("error", () => {});
    // Bytes that nobody reads would cause a reset, and the visitor would lose the answer.
    socket.resume();
    answer.once("finish", () => socket.destroySoon());
    socket.once("close", () => answer.destroy());
    this.#refusal = answer;
    return answer;
  }
}

/** Serves a request for a WebSocket. Resolves when it is over; never rejects. */
export async function serveWebSocket(
  { doors, door }: { doors: HttpDoors; door: HttpDoor },
  visit: Visit,
  upgrade: Upgrade,
): Promise<void> {
  const { socket, head } = upgrade;
  const left = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const waiting = noticeEnd(socket);
  let stream: Duplex | null = null;
  try {
    stream = await doors.dial(door);
    if (socket.destroyed) return void stream.destroy();
    stream.on("error", () => {});
    const opened = await ask(stream, visit, socket);
    waiting[Symbol.dispose]();
    if ("refused" in opened) {
      await passOn(opened.refused, upgrade.refusal);
      return;
    }
    socket.setKeepAlive(true, PROBE_AFTER_MS);
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.write(switching(opened.switched), "latin1");
    join(socket, stream, head, opened.head);
    await left;
  } catch (error) {
    waiting[Symbol.dispose]();
    if (socket.destroyed) return;
    sendError(upgrade.refusal, error instanceof ApiError ? error : badAnswer(reasonOf(error), error), visit);
  } finally {
    stream?.destroy();
  }
}

/** Closes a connection whose visitor leaves while nothing reads it. What arrives meanwhile waits for its reader. */
export function noticeEnd(socket: Socket): Disposable {
  const look = () => void (socket.readableLength === 0 && socket.read());
  const leave = () => void socket.destroy();
  socket.on("readable", look).once("end", leave);
  return { [Symbol.dispose]: () => void socket.off("readable", look).off("end", leave) };
}

type Opened = { switched: IncomingMessage; head: Buffer } | { refused: IncomingMessage };

function ask(stream: Duplex, visit: Visit, socket: Socket): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      createConnection: () => stream,
      method: visit.method,
      path: visit.target,
      headers: upgradeHead(visit).flat(),
      setHost: false,
      setDefaultHeaders: false,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    request.maxHeadersCount = MAX_HEADERS + 1;
    const timer = setTimeout(() => request.destroy(new ApiError("DOOR_TIMEOUT")), ANSWER_TIMEOUT_MS);
    const leave = () => request.destroy();
    socket.once("close", leave);
    const settle = (outcome: Opened) => {
      clearTimeout(timer);
      socket.off("close", leave);
      resolve(outcome);
    };
    request.once("upgrade", (switched, _stream, head) => settle({ switched, head }));
    request.once("response", (refused) => settle({ refused }));
    request.on("error", reject);
    request.once("close", () => {
      clearTimeout(timer);
      reject(new Error("socket hang up"));
    });
    request.end();
  });
}

/** @throws {ApiError} `DOOR_BAD_ANSWER` */
function switching(answer: IncomingMessage): string {
  if (answer.headers.upgrade?.toLowerCase() !== "websocket") throw badAnswer("it switched to another protocol");
  const headers: Header[] = [["Connection", "Upgrade"], ["Upgrade", "websocket"], ...responseHead(answer)];
  return `HTTP/1.1 101 Switching Protocols\r\n${headers.map(([name, text]) => `${name}: ${text}\r\n`).join("")}\r\n`;
}

/** Each direction at the pace of its reader; when one side closes for good, so does the other, and soon after it has ended. */
function join(socket: Socket, stream: Duplex, early: Buffer, first: Buffer): void {
  if (early.length > 0) stream.write(early);
  if (first.length > 0) socket.write(first);
  for (const [from, to] of [
    [socket, stream],
    [stream, socket],
  ] as const) {
    from.on("error", () => to.destroy());
    from.once("close", () => to.destroy());
    from.once("end", () => setTimeout(() => to.destroy(), HALF_OPEN_MS).unref());
    from.pipe(to);
  }
}

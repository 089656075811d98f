/** Answers a visitor, over HTTP/1.1 or HTTP/2. */
import { type IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerResponse, type OutgoingHttpHeaders } from "node:http2";
import { type Header, value } from "@sandkeep/common/http";
import type { ApiError } from "@sandkeep/protocol";
import { LINGER_MS } from "./limits.ts";
import { errorPage, retryAfterS } from "./pages.ts";
import type { Visit } from "./visit.ts";

export type Answer = ServerResponse | Http2ServerResponse;

export function sendHead(answer: Answer, status: number, statusText: string, headers: readonly Header[]): void {
  if (answer instanceof ServerResponse) answer.writeHead(status, statusText, headers.flat());
  else answer.writeHead(status, grouped(headers));
}

/** Sends an interim response, so that the visitor sends the body. */
export function sendContinue(answer: Answer): void {
  if (!answer.headersSent && !isOver(answer)) answer.writeContinue();
}

/** Whether the visitor has left, or has got everything. */
export function isOver(answer: Answer): boolean {
  if (answer instanceof ServerResponse) return answer.destroyed;
  const { stream } = answer;
  // Node destroys a closed stream only when its body has been read. Nothing can be sent on it any more.
  return !stream || stream.destroyed || stream.closed;
}

/** Sends the head now, even if the body takes a while to come. */
export function flushHead(answer: Answer): void {
  // Over HTTP/2, it has been sent already.
  if (answer instanceof ServerResponse && !answer.writableEnded && !isOver(answer)) answer.flushHeaders();
}

/** Ends an answer that cannot be completed: the visitor must not take it for complete. */
export function breakOff(answer: Answer): void {
  if (answer instanceof ServerResponse) answer.destroy();
  else answer.stream?.close(constants.NGHTTP2_INTERNAL_ERROR);
}

/** Answers that a request cannot be served: a page for people, JSON for programs. */
export function sendError(answer: Answer, error: ApiError, visit: Visit | null): void {
  if (answer.headersSent || answer.writableEnded || isOver(answer)) return breakOff(answer);
  const page = visit !== null && isForPeople(visit) ? errorPage(error) : null;
  const body = page ?? JSON.stringify(error);
  const headers: Header[] = [
    ["Content-Type", page === null ? "application/json" : "text/html; charset=utf-8"],
    ["Content-Length", String(Buffer.byteLength(body))],
    ["Cache-Control", "no-store"],
    ["X-Content-Type-Options", "nosniff"],
  ];
  const retryAfter = retryAfterS(error);
  if (retryAfter !== null) headers.push(["Retry-After", String(retryAfter)]);
  if (page !== null) headers.push(["Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"]);
  if (error.code === "DOOR_TOKEN_REQUIRED") headers.push(["WWW-Authenticate", 'Sandkeep realm="door"']);
  sendHead(answer, error.status, "", headers);
  end(answer, visit?.method === "HEAD" ? undefined : body);
}

/** Ends an answer, with these last bytes. */
export function end(answer: Answer, body?: string): void {
  // Over HTTP/2, the gateway ends the request, too.
  if (answer instanceof ServerResponse) answer.once("finish", () => discardRest(answer.req));
  if (body === undefined) answer.end();
  else answer.end(body);
}

/** Takes what is left of a request's body for a while: a visitor whose bytes arrive at a closed connection would not see the answer. */
function discardRest(request: IncomingMessage): void {
  if (request.complete) return;
  request.unpipe();
  request.resume();
  const timer = setTimeout(() => request.complete || request.socket.destroy(), LINGER_MS).unref();
  request.once("close", () => clearTimeout(timer));
}

function isForPeople({ headers }: Visit): boolean {
  return /\btext\/html\b/i.test(value(headers, "accept") ?? "");
}

/** HTTP/2 takes an object. */
function grouped(headers: readonly Header[]): OutgoingHttpHeaders {
  const all: Record<string, string | string[]> = Object.create(null);
  for (const [name, text] of headers) {
    const key = name.toLowerCase();
    const before = all[key];
    all[key] = before === undefined ? text : [...(Array.isArray(before) ? before : [before]), text];
  }
  return all;
}

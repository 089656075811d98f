/** Answers a visitor, over HTTP/1.1 or HTTP/2. */
import { ServerResponse } from "node:http";
import { constants, type Http2ServerResponse, type OutgoingHttpHeaders } from "node:http2";
import { type Header, value } from "@sandkeep/common/http";
import type { ApiError } from "@sandkeep/protocol";
import { errorPage } from "./pages.ts";
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
  return answer instanceof ServerResponse ? answer.destroyed : (answer.stream?.destroyed ?? true);
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
  if (page !== null) headers.push(["Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"]);
  if (error.code === "DOOR_TOKEN_REQUIRED") headers.push(["WWW-Authenticate", 'Sandkeep realm="door"']);
  // The rest of the request's body, if any, is not worth receiving.
  if (!(answer instanceof ServerResponse)) answer.once("finish", () => setImmediate(() => answer.stream?.close()));
  else if (!answer.req.complete) answer.shouldKeepAlive = false;
  sendHead(answer, error.status, "", headers);
  if (visit?.method === "HEAD") answer.end();
  else answer.end(body);
}

function isForPeople({ headers }: Visit): boolean {
  return /\btext\/html\b/i.test(value(headers, "accept") ?? "");
}

/** HTTP/2 takes an object. */
function grouped(headers: readonly Header[]): OutgoingHttpHeaders {
  const all: Record<string, string | string[]> = {};
  for (const [name, text] of headers) {
    const key = name.toLowerCase();
    const before = all[key];
    all[key] = before === undefined ? text : [...(Array.isArray(before) ? before : [before]), text];
  }
  return all;
}

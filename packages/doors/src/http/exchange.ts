/** One request through a door, and its response. Both bodies are streamed, each as fast as its reader takes it. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { isValid, pairs, safeTrailers } from "@sandkeep/common/http";
import { ApiError } from "@sandkeep/protocol";
import { type Answer, breakOff, end, flushHead, isOver, sendContinue, sendError, sendHead } from "./answer.ts";
import type { DoorAgent } from "./door-agent.ts";
import { ANSWER_TIMEOUT_MS, MAX_HEADER_BYTES, MAX_HEADERS, MAX_INTERIM } from "./limits.ts";
import { requestHead } from "./request-head.ts";
import { badAnswer, checkStatus, responseHead } from "./response-head.ts";
import type { Visit } from "./visit.ts";

/** Requests that may be sent twice: a connection that was kept may have been closed just now (RFC 9112, section 9.3.1). */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS"]);

/** Serves a request. Resolves when it is over; never rejects. */
export async function exchange(agent: DoorAgent, visit: Visit, body: Readable, answer: Answer): Promise<void> {
  try {
    await passOn(await respond(agent, visit, body, answer), answer);
  } catch (error) {
    if (isOver(answer)) return;
    sendError(answer, error instanceof ApiError ? error : badAnswer(reasonOf(error), error), visit);
  }
}

async function respond(agent: DoorAgent, visit: Visit, body: Readable, answer: Answer): Promise<IncomingMessage> {
  for (;;) {
    // Its end, which is what ends the request, would not be noticed any more.
    if (isOver(answer)) throw new Error("the visitor has left");
    const request = open(agent, visit);
    try {
      return await answered(request, visit, body, answer);
    } catch (error) {
      const again = request.reusedSocket && !visit.hasBody && REPEATABLE.has(visit.method) && isReset(error);
      if (!again || isOver(answer)) throw error;
    }
  }
}

function open(agent: DoorAgent, visit: Visit): ClientRequest {
  const { method, target } = visit;
  const request = httpRequest({
    agent,
    method,
    path: target,
    headers: requestHead(visit).flat(),
    setHost: false,
    setDefaultHeaders: false,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  // One more, so that too many are noticed.
  request.maxHeadersCount = MAX_HEADERS + 1;
  return request;
}

/** Sends the request, and waits for the head of its response. */
function answered(request: ClientRequest, visit: Visit, body: Readable, answer: Answer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let interim = 0;
    let response: IncomingMessage | null = null;
    const timer = setTimeout(() => request.destroy(new ApiError("DOOR_TIMEOUT")), ANSWER_TIMEOUT_MS);
    // The visitor left: nobody needs the answer.
    const leave = () => request.destroy();
    answer.once("close", leave);
    request.once("response", (one) => {
      response = one;
      clearTimeout(timer);
      one.once("end", () => {
        if (request.writableFinished) return;
        // The rest of the body is wanted no more, and must not look like its end.
        body.unpipe(request);
        request.destroy();
      });
      resolve(one);
    });
    request.on("continue", () => visit.awaitsContinue && sendContinue(answer));
    request.on("information", () => {
      if (++interim > MAX_INTERIM) request.destroy(badAnswer("it sent interim responses without end"));
    });
    request.on("error", (error) => {
      // After the response's head, the response breaks off, too.
      body.unpipe(request);
      reject(error);
    });
    request.once("close", () => {
      clearTimeout(timer);
      answer.off("close", leave);
      if (!response) reject(new Error("the connection was closed"));
    });
    if (!visit.hasBody) return void request.end();
    body.on("error", leave);
    body.pipe(request);
  });
}

/** Passes a response on. Resolves when it is over. @throws {ApiError} if it cannot be passed on */
export async function passOn(response: IncomingMessage, answer: Answer): Promise<void> {
  // It may break off at any time, also more than once.
  response.on("error", () => {});
  try {
    checkStatus(response);
    sendHead(answer, response.statusCode!, response.statusMessage ?? "", responseHead(response));
  } catch (error) {
    response.destroy();
    throw error;
  }
  await new Promise<void>((resolve) => {
    const over = () => {
      response.destroy();
      resolve();
    };
    answer.once("close", over);
    answer.once("error", over);
    response.once("error", () => breakOff(answer));
    response.once("end", () => {
      // Cut off, though Node says that it ended.
      if (!response.complete) return breakOff(answer);
      const trailers = safeTrailers(pairs(response.rawTrailers)).filter(isValid);
      if (trailers.length > 0) answer.addTrailers(Object.fromEntries(trailers));
      end(answer);
    });
    if (isOver(answer)) return over();
    response.pipe(answer, { end: false });
    // Node sends the head with the first bytes of the body. Events and the like may take a while to come.
    setImmediate(flushHead, answer);
  });
}

function isReset(error: unknown): boolean {
  return ["ECONNRESET", "EPIPE"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** For people: Node's parser begins its codes with `HPE_`. */
export function reasonOf(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (code === "HPE_HEADER_OVERFLOW") return `its response has more than ${MAX_HEADER_BYTES} bytes of headers`;
  if (code.startsWith("HPE_")) return "its response is not HTTP/1.1";
  return isReset(error) || message === "socket hang up" ? "it closed the connection before its response" : message;
}

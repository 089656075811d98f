/** What a visitor gets to see of a response's head. */
import type { IncomingMessage } from "node:http";
import { endToEnd, type Header, isValid, pairs, values, without } from "@sandkeep/common/http";
import { ApiError } from "@sandkeep/protocol";
import { isOurCookie } from "../tokens/presented.ts";
import { MAX_HEADERS } from "./limits.ts";

/** They would speak for the whole gateway, not for one door. */
const NOT_FOR_A_DOOR = ["alt-svc", "strict-transport-security", "public-key-pins"];

/** @throws {ApiError} `DOOR_BAD_ANSWER` for any that is interim, such as 101 (Switching Protocols) which nobody asked for, or no HTTP status */
export function checkStatus({ statusCode = 0 }: IncomingMessage): void {
  if (statusCode < 200 || statusCode > 599) throw badAnswer(`its response has the status ${statusCode}`);
}

/** @throws {ApiError} `DOOR_BAD_ANSWER` */
export function responseHead(answer: IncomingMessage): Header[] {
  const all = pairs(answer.rawHeaders);
  if (all.length > MAX_HEADERS) throw badAnswer(`its response has more than ${MAX_HEADERS} headers`);
  if (!all.every(isValid)) throw badAnswer("its response has a malformed header");
  const codings = values(all, "transfer-encoding");
  // Node passes other codings before "chunked" on as they are, and visitors would not know of them.
  if (codings.some((one) => one.toLowerCase() !== "chunked"))
    throw badAnswer("its response is in a transfer coding that nobody asked for");
  const noLength = codings.length > 0 || answer.statusCode === 101 || answer.statusCode === 204;
  const kept = without(endToEnd(all), ...NOT_FOR_A_DOOR, ...(noLength ? ["content-length"] : []));
  return kept.flatMap(([name, text]): Header[] => {
    if (name.toLowerCase() !== "set-cookie") return [[name, text]];
    const cookie = ownCookie(text);
    return cookie === null ? [] : [[name, cookie]];
  });
}

/** The reason is for people who wrote the server behind the door. */
export function badAnswer(why: string, cause?: unknown): ApiError {
  return new ApiError("DOOR_BAD_ANSWER", `The server behind this door did not answer properly: ${why}.`, { cause });
}

/** A cookie without the attribute Domain, which would send it to other doors, too. Null if it takes the name of ours. */
function ownCookie(text: string): string | null {
  const [pair = "", ...attributes] = text.split(";");
  if (isOurCookie(pair)) return null;
  return [pair, ...attributes.filter((one) => !/^\s*domain\s*(=|$)/i.test(one))].join(";");
}

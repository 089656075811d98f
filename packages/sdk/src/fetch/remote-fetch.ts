import { abortable } from "../transport/abort.ts";
import type { Connection } from "../transport/connection.ts";
import type { RequestInit } from "./request-init.ts";

/** The options of a request in Node, Deno and browsers. */
type PlatformRequestInit = NonNullable<ConstructorParameters<typeof Request>[1]>;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Sends a request from within the sandbox; with `pid`, to the HTTP server of that process, regardless of the URL's host. */
export async function remoteFetch(
  connection: Connection,
  url: string | URL,
  init: RequestInit | PlatformRequestInit = {},
  pid?: number,
): Promise<Response> {
  const { method, headers, body, redirect, signal } = init as RequestInit;
  // Normalises like a browser: the method in upper case, the body's content type, an error for a body that is not allowed.
  const request = new Request(url, {
    ...(method === undefined ? {} : { method }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined || body === null ? {} : { body, duplex: "half" }),
    ...(redirect === undefined ? {} : { redirect }),
  } as PlatformRequestInit);
  const answer = await abortable(connection, signal, (abortId) =>
    connection.call("fetch", {
      url: request.url,
      method: request.method,
      headers: [...request.headers],
      redirect: request.redirect === "follow" ? "follow" : "manual",
      abortId,
      bodyStreamId: request.body ? connection.sendStream(request.body) : undefined,
      pid,
    }),
  );
  const { status, statusText, bodyStreamId } = answer;
  if (request.redirect === "error" && REDIRECTS.has(status))
    throw new TypeError(`${request.url} answered with a redirect, which the request does not allow`);
  const content = bodyStreamId === null ? null : connection.receive(bodyStreamId);
  return new Response(content, { status, statusText, headers: answer.headers });
}

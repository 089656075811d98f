/**
 * The upstream that egress is measured with, in a process of its own: an HTTPS server, and the same without TLS, under
 * names that the configuration maps to it. `/` answers with two bytes, `/big?bytes=N` with that many, and `/events` with a
 * stream of server-sent events, each of which holds the time at which it was sent.
 */
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { LeafCertificates } from "@sandkeep/common/x509";
import { loadAuthority } from "@sandkeep/egress/testing";

/** The name of the upstream. */
export const UPSTREAM_NAME = "bench.sandkeep.test";
const CHUNK = Buffer.alloc(64 * 1024, "sandkeep bench, ");
/** Events of one stream, and the time between two of them in milliseconds. */
export const EVENTS = 40;
const EVENT_MS = 25;

const listener: RequestListener = (request, response) => {
  const url = new URL(request.url ?? "/", "http://upstream");
  request.resume();
  if (url.pathname === "/big") {
    let left = Number(url.searchParams.get("bytes"));
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": left });
    const write = () => {
      while (left > 0) {
        const chunk = CHUNK.subarray(0, Math.min(left, CHUNK.length));
        left -= chunk.length;
        if (!response.write(chunk)) return void response.once("drain", write);
      }
      response.end();
    };
    write();
  } else if (url.pathname === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    let sent = 0;
    const timer = setInterval(() => {
      response.write(`data: ${process.hrtime.bigint()}\n\n`);
      if (++sent === EVENTS) {
        clearInterval(timer);
        response.end();
      }
    }, EVENT_MS);
    response.once("close", () => clearInterval(timer));
  } else {
    response.end("ok");
  }
};

/** What the process prints when it is ready, as JSON on its first line. */
export interface UpstreamPorts {
  http: number;
  https: number;
}

if (process.argv[1] === import.meta.filename) {
  const leaves = await LeafCertificates.create(await loadAuthority(process.argv[2]!));
  const context = await leaves.contextFor(UPSTREAM_NAME);
  const https = createHttpsServer(
    { SNICallback: (_, done) => done(null, context), keepAliveTimeout: 60_000 },
    listener,
  ).listen(0, "127.0.0.1");
  const http = createHttpServer({ keepAliveTimeout: 60_000 }, listener).listen(0, "127.0.0.1");
  await Promise.all([once(https, "listening"), once(http, "listening")]);
  const port = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
  process.stdout.write(`${JSON.stringify({ http: port(http), https: port(https) } satisfies UpstreamPorts)}\n`);
  // Ends when the process that started it ends.
  process.stdin.once("end", () => process.exit()).resume();
}

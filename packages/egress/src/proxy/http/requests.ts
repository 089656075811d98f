import type { Duplex } from "node:stream";
import type { HttpConnection } from "./http-connection.ts";
import { serveHttp1 } from "./http1/guest-http1.ts";
import { serveHttp2 } from "./http2/guest-http2.ts";

/** Serves the requests on a connection until it ends. */
export async function serveRequests(
  connection: HttpConnection,
  stream: Duplex,
  protocol: "http1" | "http2",
): Promise<void> {
  if (protocol === "http1") await serveHttp1(connection, stream);
  else await serveHttp2(connection, stream);
  await connection.close();
}

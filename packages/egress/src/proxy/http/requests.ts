import type { Duplex } from "node:stream";
import type { Session } from "./http-connection.ts";
import { serveHttp1 } from "./http1/guest-http1.ts";
import { serveHttp2 } from "./http2/guest-http2.ts";

/** Serves the requests of a connection until it ends. */
export async function serveRequests(session: Session, stream: Duplex, protocol: "http1" | "http2"): Promise<void> {
  if (protocol === "http1") await serveHttp1(session, stream);
  else await serveHttp2(session, stream);
  await session.close();
}

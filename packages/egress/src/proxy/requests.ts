import type { Duplex } from "node:stream";
import { serveHttp1 } from "./http1.ts";
import { serveHttp2 } from "./http2.ts";
import type { Session } from "./session.ts";

/** Serves the requests of a connection until it ends. */
export async function serveRequests(session: Session, stream: Duplex, protocol: "http1" | "http2"): Promise<void> {
  if (protocol === "http1") await serveHttp1(session, stream);
  else await serveHttp2(session, stream);
  await session.close();
}

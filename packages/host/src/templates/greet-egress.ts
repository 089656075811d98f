/** Opens the egress port of a machine once and closes it again, as a proxy that serves no request. */
import { once } from "node:events";
import { performServerHandshake } from "node:http2";
import { connect } from "node:net";
import { sayHello } from "@sandkeep/serial";

/** @param path the socket behind the port */
export async function greetEgress(path: string, timeoutMs: number): Promise<void> {
  const socket = connect(path);
  // What goes wrong is noticed by those who wait, and nobody else need be told.
  const ignore = () => {};
  socket.on("error", ignore);
  try {
    await once(socket, "connect");
    await sayHello(socket, timeoutMs);
    const closed = new AbortController();
    socket.once("close", () => closed.abort());
    const session = performServerHandshake(socket).on("error", ignore);
    await once(session, "remoteSettings", { signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), closed.signal]) });
  } finally {
    socket.destroy();
  }
}

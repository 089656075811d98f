import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { HttpsUpstream, refuse } from "./upstream.ts";

/** Echoes every message of a WebSocket whose upgrade carried the secret, in a header or as `?token=`. */
export async function startEchoSocket(authority: TestAuthority): Promise<HttpsUpstream> {
  const upstream = await HttpsUpstream.start(
    { host: "ws.example.com", authority, variable: "WS_TOKEN" },
    () => (_request, response) => refuse(response),
  );
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  upstream.server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const url = new URL(request.url!, `https://${upstream.host}`);
    const granted =
      upstream.credential.isBearer(request.headers.authorization) ||
      url.searchParams.get("token") === upstream.credential.value;
    upstream.seen.push({
      method: "GET",
      path: url.pathname,
      httpVersion: request.httpVersion,
      status: granted ? 101 : 401,
    });
    if (!granted) return void socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    sockets.handleUpgrade(request, socket, head, (client: WebSocket) => {
      client.on("error", () => {});
      client.on("message", (data, binary) => client.send(data, { binary }));
    });
  });
  return upstream;
}

import type { Server as Http1Server } from "node:http";
import type { Http2Server } from "node:http2";
import { createServer, type Server } from "node:tls";
import type { Certificates } from "../tls/contract.ts";
import { HANDSHAKE_TIMEOUT_MS } from "./limits.ts";
import type { Sites } from "./sites.ts";

export interface TlsOptions {
  sites: Sites;
  certificates: Certificates;
  http1: Http1Server;
  http2: Http2Server;
}

/** Takes connections that are passed to it as its event `connection`, and passes on what is in them. */
export async function tlsServer({ sites, certificates, http1, http2 }: TlsOptions): Promise<Server> {
  // Loaded only when used: it takes longer to load than the rest of the server.
  const { certificateOptions, useCertificates } = await import("../tls/server.ts");
  const server = createServer(
    {
      ...(await certificateOptions(certificates)),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      // Undefined ends the handshake: the client speaks neither. Clients that negotiate HTTP/2 cannot upgrade to WebSocket
      // (wire-protocol §1), so the site must be made for it.
      ALPNCallback: ({ servername, protocols }) => {
        // Clients that connect to an address name no server.
        const served = sites.named(servername ? servername.toLowerCase() : null).http2
          ? ["h2", "http/1.1"]
          : ["http/1.1"];
        return served.find((protocol) => protocols.includes(protocol));
      },
    },
    (socket) => {
      if (socket.alpnProtocol !== "h2") return void http1.emit("connection", socket);
      // Otherwise Node would keep the connection of a client that has left.
      socket.allowHalfOpen = false;
      http2.emit("connection", socket);
    },
  );
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  useCertificates(server, certificates);
  return server;
}

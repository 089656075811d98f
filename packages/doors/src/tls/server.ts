/** Gives a server of Node's (`node:tls`, `node:https`, `node:http2`) its certificates. */
import type { Socket } from "node:net";
import type { SecureContext, Server, TlsOptions } from "node:tls";
import { answerHandshakes } from "./acme/challenges/handshakes.ts";
import type { Certificates } from "./contract.ts";

/** Options for the server's constructor. */
export async function certificateOptions(
  certificates: Certificates,
): Promise<Required<Pick<TlsOptions, "cert" | "key" | "SNICallback">>> {
  return {
    ...(await certificates.fallback()),
    SNICallback: (serverName, done: (error: Error | null, context?: SecureContext) => void) => {
      certificates.contextFor(serverName.toLowerCase()).then((context) => done(null, context), done);
    },
  };
}

/**
 * Keeps a server's certificates up to date until disposed of, and lets certificate authorities check its names. Call it once, before the
 * server listens.
 */
export function useCertificates(server: Server, certificates: Certificates): Disposable {
  const { handshakes } = certificates;
  if (handshakes) {
    // Node lets programs inject connections into a TLS server by this event.
    const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) =>
      answerHandshakes(handshakes, socket, () => {
        for (const listener of listeners) listener.call(server, socket);
      }),
    );
  }
  return certificates.onFallback((pair) => server.setSecureContext(pair));
}

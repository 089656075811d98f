import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import WebSocket from "ws";
import { ConnectionEstablishmentError, NetworkError } from "../errors/connection.ts";
import { Connection } from "./connection.ts";

/**
 * Longest time to open a connection, in milliseconds. Generous, because creating may include the first boot of a new
 * installation.
 */
const HANDSHAKE_TIMEOUT_MS = 300_000;
/** Largest frame accepted from the server, in bytes: a whole file in one response, as base64. */
const MAX_FRAME_BYTES = 512 * 1024 * 1024;
/** How much of the body of a refusal is read, in bytes. */
const MAX_REFUSAL_BYTES = 64 * 1024;

export interface OpenOptions {
  /** `ws:` or `wss:` URL. */
  url: URL;
  headers: Record<string, string>;
  debug: boolean;
}

/**
 * Opens a connection. Rejects with `ConnectionEstablishmentError` when the server refuses, and with `NetworkError` when it
 * cannot be reached.
 */
export function openConnection({ url, headers, debug }: OpenOptions): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      headers,
      // Compressing base64 costs far more time than it saves, on any network that is fast enough for sandboxes.
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    let sandboxId: string | undefined;
    socket.once("upgrade", (response) => {
      sandboxId = header(response, "x-deno-sandbox-id");
      if (debug) console.error("[sandkeep] trace id:", header(response, "x-deno-trace-id") ?? "none");
    });
    socket.once("open", () => {
      socket.removeAllListeners("error");
      resolve(new Connection(socket, sandboxId ?? "", debug));
    });
    socket.once("unexpected-response", (_request, response) => {
      refusalOf(response)
        .then(reject, reject)
        .finally(() => socket.terminate());
    });
    socket.on("error", (error) => {
      reject(
        new NetworkError(`Cannot reach the sandbox server at ${url.origin}: ${reasonOf(error)}`, { cause: error }),
      );
    });
  });
}

async function refusalOf(response: IncomingMessage): Promise<Error> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > MAX_REFUSAL_BYTES) break;
  }
  const text = Buffer.concat(chunks).toString("utf8");
  try {
    const { code, message } = JSON.parse(text) as { code: string; message: string };
    return new ConnectionEstablishmentError(
      response.statusCode ?? 0,
      code,
      message,
      header(response, "x-deno-trace-id"),
    );
  } catch {
    return new TypeError(`The server answered with status ${response.statusCode}: ${text}`);
  }
}

function header(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** When several addresses fail, Node throws an `AggregateError` without a message. */
function reasonOf(error: Error): string {
  return error.message || (error instanceof AggregateError ? error.errors.map(String).join("; ") : error.name);
}

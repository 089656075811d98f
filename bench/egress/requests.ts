import { Agent, get, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { UPSTREAM_NAME } from "./upstream.ts";

/** Sends a request for a path. Resolves when the whole response has arrived, to how long that took and the size of its body. */
export type Requests = (path: string, onData?: (chunk: Buffer) => void) => Promise<{ ms: number; bytes: number }>;

/** Requests to the upstream on one connection, one after the other. */
export function requestsOn(socket: Duplex, placeholder: string): Requests {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  return async (path, onData = () => {}) => {
    const started = performance.now();
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: UPSTREAM_NAME, path, agent, headers: { authorization: `Bearer ${placeholder}` } }, resolve).once(
        "error",
        reject,
      );
    });
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      onData(chunk);
    }
    if (response.statusCode !== 200) throw new Error(`the upstream answered ${path} with ${response.statusCode}`);
    return { ms: performance.now() - started, bytes };
  };
}

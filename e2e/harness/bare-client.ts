import { once } from "node:events";
import WebSocket from "ws";
import type { Ready } from "./server.ts";

/** A client that can send anything the protocol allows, and reads only when told to. */
export class BareClient implements Disposable {
  readonly socket: WebSocket;
  readonly #pending = new Map<number, (result: Record<string, unknown>) => void>();
  #nextId = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: { ok?: Record<string, unknown> } };
      if (id !== undefined) this.#pending.get(id)?.(result?.ok ?? {});
    });
  }

  static async create({ sandboxEndpoint, token }: Ready): Promise<BareClient> {
    const config = Buffer.from(JSON.stringify({ memory_mb: 1280 })).toString("base64");
    const headers = { authorization: `Bearer ${token}`, "x-deno-sandbox-config": config };
    const socket = new WebSocket(new URL("/api/v3/sandboxes/create", sandboxEndpoint.replace("http", "ws")), {
      headers,
    });
    socket.on("error", () => {});
    await once(socket, "open");
    return new BareClient(socket);
  }

  /** Calls a method and waits for the answer. */
  call(method: string, params: object): Promise<Record<string, unknown>> {
    const id = this.send(method, params);
    return new Promise((resolve) => this.#pending.set(id, resolve));
  }

  /** Calls a method and ignores the answer. */
  send(method: string, params: object): number {
    const id = this.#nextId++;
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return id;
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

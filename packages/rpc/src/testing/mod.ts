/** For tests: an agent, a sandbox's state and a WebSocket server in front of them, all real. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Logger, silentLogger } from "@sandkeep/common";
import type { Guest } from "@sandkeep/host";
import { type Activity, ApiError } from "@sandkeep/protocol";
import { WebSocketServer } from "ws";
import type { MessageConnection } from "../connection/connection.ts";
import { WebSocketConnection } from "../connection/websocket-connection.ts";
import { RPC_LIMITS, type RpcLimits } from "../limits.ts";
import { SandboxState } from "../sandbox-state.ts";
import { serveRpc } from "../serve.ts";
import { startAgent } from "./agent.ts";
import { TestClient } from "./client.ts";

export { RpcFailure, TestClient } from "./client.ts";

/** Logs nothing, but fails loudly on errors the server did not expect. */
const log: Logger = {
  ...silentLogger,
  error(fields: object, message: string) {
    console.error(message, fields);
  },
};

export interface TestServer extends AsyncDisposable {
  url: string;
  activities: Activity[];
  /** The server's ends, in the order of their connecting. */
  connections: MessageConnection[];
  /** Addresses that were given a target. */
  exposed: [domain: string, target: object][];
  sandbox: SandboxState;
  connect(): Promise<TestClient>;
}

/** Serves one guest. */
export async function startServer(guest: Guest, limits: Partial<RpcLimits> = {}): Promise<TestServer> {
  const sandbox = new SandboxState(guest, { log, memoryMiB: 1280 });
  const activities: Activity[] = [];
  const connections: MessageConnection[] = [];
  const exposed: TestServer["exposed"] = [];
  const http = createServer();
  const sockets = new WebSocketServer({
    server: http,
    maxPayload: limits.messageBytes ?? RPC_LIMITS.messageBytes,
    perMessageDeflate: false,
  });
  sockets.on("connection", (socket, request) => {
    const connection = new WebSocketConnection(socket, request.socket, log);
    connections.push(connection);
    serveRpc(connection, {
      sandbox,
      log,
      emit: (activity) => activities.push(activity),
      exposeHttp: async (domain, target) => {
        if (domain.startsWith("unknown")) throw new ApiError("DOOR_NOT_FOUND");
        exposed.push([domain, target]);
      },
      limits,
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const clients: TestClient[] = [];
  return {
    url,
    activities,
    connections,
    exposed,
    sandbox,
    async connect() {
      const client = await TestClient.connect(url);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.socket.terminate();
      sockets.close();
      http.close();
      await Promise.all(connections.map(({ closed }) => closed));
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

/** An agent, served, and one client. */
export async function startSandbox(options: { limits?: Partial<RpcLimits>; path?: string[] } = {}) {
  const agent = await startAgent(options);
  const server = await startServer(agent.guest, options.limits);
  const client = await server.connect();
  return {
    ...server,
    agent,
    client,
    home: agent.home,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await agent[Symbol.asyncDispose]();
    },
  };
}

/** FOR TESTS ONLY: a port of this computer that echoes. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";

export interface Echo extends AsyncDisposable {
  port: number;
  /** Number of connections so far. */
  connections(): number;
}

export async function echo(): Promise<Echo> {
  let count = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    count++;
    open.add(socket);
    socket.on("error", () => {}).once("close", () => open.delete(socket));
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    connections: () => count,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/**
 * For a test: a server with two clients, one quiet and one that is sent more than it reads. They are first stopped,
 * then cut off. Run by `two-computers.sh`. Prints a JSON object: the reasons why stopped clients counted as gone, and
 * the final one for the quiet client.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { silentLogger } from "@sandkeep/common";
import { WebSocketConnection } from "@sandkeep/rpc";
import { type WebSocket, WebSocketServer } from "ws";
import { Heartbeat } from "../sandboxes/heartbeat.ts";

const SILENT_MS = 1_000;
const { ON_SECOND, CUT } = process.env;

const heartbeat = new Heartbeat({ silentMs: SILENT_MS, busyMs: 60_000 });
const server = createServer().listen(0, "10.9.0.1");
await once(server, "listening");
const wss = new WebSocketServer({ noServer: true });
const gone = Promise.withResolvers<string>();
const reasons: string[] = [];
const watched = { "/quiet": Promise.withResolvers<void>(), "/flooded": Promise.withResolvers<void>() };
server.on("upgrade", (request, socket: Socket, head) =>
  wss.handleUpgrade(request, socket, head, (ws) => {
    const path = request.url as keyof typeof watched;
    heartbeat.watch(new WebSocketConnection(ws, socket, silentLogger), (reason) => {
      reasons.push(`${path}: ${reason}`);
      if (path === "/quiet") gone.resolve(reason);
    });
    ws.once("pong", () => {
      watched[path].resolve();
      if (path === "/flooded") flood(ws);
    });
  }),
);

/** In pieces with a limit on what waits, as the RPC layer sends. */
function flood(ws: WebSocket): void {
  while (ws.readyState === ws.OPEN && ws.bufferedAmount < 512 * 1024) ws.send(Buffer.alloc(64 * 1024), () => flood(ws));
}

const { port } = server.address() as AddressInfo;
const clients = Object.keys(watched).map((path) => {
  const program = `new WebSocket("ws://10.9.0.1:${port}${path}").onerror = ({ error }) => { throw error; }`;
  return spawn("sh", ["-c", `${ON_SECOND} "$@"`, "sh", process.execPath, "-e", program], {
    stdio: ["ignore", "ignore", "inherit"],
  });
});
await Promise.all(Object.values(watched).map(({ promise }) => promise));
for (const client of clients) client.kill("SIGSTOP");
await delay(4 * SILENT_MS);
const stopped = [...reasons];
execFileSync("sh", ["-c", CUT!]);
const cutAt = Date.now();
const cut = await gone.promise;
process.stdout.write(JSON.stringify({ stopped, cut, tookMs: Date.now() - cutAt }));
for (const client of clients) client.kill("SIGKILL");
process.exit(0);

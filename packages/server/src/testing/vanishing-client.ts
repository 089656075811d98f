/**
 * For a test: a server whose client is first stopped, then cut off. Run by `two-computers.sh`. Prints a JSON object: whether
 * the stopped client was taken for gone, and the reason for which the other was.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { Heartbeat } from "../sandboxes/heartbeat.ts";

const SILENT_MS = 400;
const { ON_SECOND, CUT } = process.env;

const heartbeat = new Heartbeat({ silentMs: SILENT_MS, busyMs: 60_000 });
const server = createServer().listen(0, "10.9.0.1");
await once(server, "listening");
const wss = new WebSocketServer({ noServer: true });
const gone = Promise.withResolvers<string>();
const watched = Promise.withResolvers<void>();
let wrongly: string | null = null;
server.on("upgrade", (request, socket: Socket, head) =>
  wss.handleUpgrade(request, socket, head, (ws) => {
    heartbeat.watch(ws, socket, gone.resolve);
    ws.once("pong", () => watched.resolve());
  }));

const url = `ws://10.9.0.1:${(server.address() as AddressInfo).port}`;
const client = spawn("sh", ["-c", `${ON_SECOND} "$@"`, "sh", process.execPath, "-e", `new WebSocket("${url}").onerror = ({ error }) => { throw error; }`], { stdio: ["ignore", "ignore", "inherit"] });
await watched.promise;
client.kill("SIGSTOP");
void gone.promise.then((reason) => (wrongly ??= reason));
await delay(6 * SILENT_MS);
const stopped = wrongly;
execFileSync("sh", ["-c", CUT!]);
const cutAt = Date.now();
const cut = await gone.promise;
process.stdout.write(JSON.stringify({ stopped, cut, tookMs: Date.now() - cutAt }));
client.kill("SIGKILL");
process.exit(0);

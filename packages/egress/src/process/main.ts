/**
 * The proxy's process. It is told what to do over descriptor 3 and ends with whoever holds the other end: when the host is
 * gone there is nobody to answer for what leaves.
 */
import { Socket } from "node:net";
import type { FromProxy, ToProxy } from "../contract.ts";
import { readLines, writeLine } from "./lines.ts";
import { Proxy } from "./proxy.ts";

const control = new Socket({ fd: 3, readable: true, writable: true });
control.on("close", () => process.exit(0));
control.on("error", () => process.exit(1));
// A terminal's signals go to the whole group; the host decides when the proxy ends.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("SIGHUP", () => {});

const send = (message: FromProxy) => writeLine(control, message);
// One flow's fault must not end all others. Nothing of the error but its name and place is passed on: it may hold a request.
process.on("uncaughtException", (error) => send({ type: "log", level: "error", text: `unexpected ${error.name} ${placeOf(error)}` }));
process.on("unhandledRejection", (error) => send({ type: "log", level: "error", text: `unexpected ${(error as Error)?.name} ${placeOf(error as Error)}` }));

let proxy: Promise<Proxy> | null = null;
readLines<ToProxy>(control, (message) => {
  if (message.type === "configure") {
    proxy = Proxy.open(message, send);
    proxy.then(
      () => send({ type: "ready" }),
      (error: Error) => {
        send({ type: "log", level: "error", text: error.message });
        control.end();
      },
    );
  } else void proxy?.then((open) => open.take(message), () => {});
});

function placeOf(error: Error | undefined): string {
  return error?.stack?.split("\n").slice(1, 4).map((line) => line.trim()).join(" ") ?? "";
}

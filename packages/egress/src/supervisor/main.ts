/**
 * Entry point of the proxy process. It takes messages over file descriptor 3 and exits when the other end closes: without a host,
 * nobody would record what leaves.
 */
import { Socket } from "node:net";
import type { FromProxy, ToProxy } from "../contract.ts";
import { FaultLog } from "./fault-log.ts";
import { readLines, writeLine } from "./lines.ts";
import { ProxyProcess } from "./proxy-process.ts";

const control = new Socket({ fd: 3, readable: true, writable: true });
control.on("close", () => process.exit(0));
control.on("error", () => process.exit(1));
// A terminal sends signals to the whole process group; the host decides when the proxy ends.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("SIGHUP", () => {});

const send = (message: FromProxy) => writeLine(control, message);
// An error in one flow must not end all others.
const faults = new FaultLog((text) => send({ type: "log", level: "error", text }));
process.on("uncaughtException", (error) => faults.report(error));
process.on("unhandledRejection", (error) => faults.report(error));

let proxy: Promise<ProxyProcess> | null = null;
readLines<ToProxy>(control, (message) => {
  if (message.type === "configure") {
    proxy = ProxyProcess.open(message, send);
    proxy.then(
      () => send({ type: "ready" }),
      (error: Error) => {
        send({ type: "log", level: "error", text: error.message });
        control.end();
      },
    );
  } else
    void proxy?.then(
      (open) => open.take(message),
      () => {},
    );
});

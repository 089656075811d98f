/** Speaks with the host over a descriptor until the other end closes: without a host, nobody would record what leaves. */
import { Socket } from "node:net";
import { CONTROL_FD, type FromProxy, type ToProxy } from "../contract.ts";
import { readLines, writeLine } from "../supervisor/lines.ts";
import { confine } from "./confinement.ts";
import { FaultLog } from "./fault-log.ts";
import { loadHooks } from "./hooks-module.ts";
import { HostNames } from "./host-names.ts";
import { ProxyProcess } from "./proxy-process.ts";

export function serveHost(): void {
  const control = new Socket({ fd: CONTROL_FD, readable: true, writable: true });
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

  const names = new HostNames(send);
  names.install();

  const open = async (message: Extract<ToProxy, { type: "configure" }>): Promise<ProxyProcess> => {
    const hooks = await loadHooks(message.config.hooks);
    confine(message.confinement);
    return ProxyProcess.open(message, hooks, send);
  };

  let proxy: Promise<ProxyProcess> | null = null;
  readLines<ToProxy>(control, (message) => {
    if (message.type === "configure") {
      proxy = open(message);
      proxy.then(
        () => send({ type: "ready" }),
        (error: Error) => {
          send({ type: "log", level: "error", text: error.message });
          control.end();
        },
      );
    } else if (message.type === "addresses") names.take(message);
    else
      void proxy?.then(
        (open) => open.take(message),
        () => {},
      );
  });
}

import type { ServerChannel, Session } from "ssh2";
import type { SshProgram, SshTerminal } from "../contract.ts";
import { MAX_COMMAND_CHARS } from "../limits.ts";
import type { ChannelContext } from "./context.ts";
import { Environment } from "./environment.ts";
import { Running } from "./running.ts";
import { size, terminal } from "./terminal.ts";

/**
 * A session: first the client describes a process, then it lets it start, and then the channel belongs to the process. Resolves when
 * nothing of it is left: the client has closed it, and the process is over or left to itself.
 */
export async function serveSession(session: Session, context: ChannelContext): Promise<void> {
  const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
  const environment = new Environment();
  let pty: SshTerminal | undefined;
  let running: Running | undefined;

  session.on("env", (accept, reject, { key, val }) => (environment.set(key, val) ? accept?.() : reject?.()));
  session.on("pty", (accept, reject, info) => {
    pty = terminal(info);
    if (pty) accept?.();
    else reject?.();
  });
  session.on("window-change", (accept, _reject, info) => {
    const { cols, rows } = size(info);
    if (pty) pty = { ...pty, cols, rows };
    running?.resize(cols, rows);
    accept?.();
  });
  session.on("signal", (accept, reject, { name }) => (running?.signal(name) ? accept?.() : reject?.()));

  const start = (program: SshProgram, accept: () => ServerChannel | undefined) => {
    // At once: `ssh2` drops input that arrives before that.
    const channel = accept();
    if (!channel) return;
    const outlet = context.outlet(channel);
    if (outlet.closed) return;
    // The channel itself closes only when its input has been taken.
    session.once("close", () => outlet.close());
    running = new Running(outlet, program, pty, environment, context);
  };
  session.on("shell", (accept) => start({ kind: "shell" }, accept));
  session.on("exec", (accept, reject, { command }) => {
    if (command.length > MAX_COMMAND_CHARS) reject?.();
    else start({ kind: "exec", command }, accept);
  });
  session.on("subsystem", (accept, reject, { name }) => {
    if (name === "sftp") start({ kind: "sftp" }, accept);
    else reject?.();
  });

  await closed;
  await running?.over;
}

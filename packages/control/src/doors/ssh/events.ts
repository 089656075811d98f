import type { SshReport } from "@sandkeep/doors";
import type { EventBody } from "@sandkeep/protocol";

/** Longest command in an event, in characters; an event keeps the beginning. */
const MAX_COMMAND_CHARS = 2_000;

/** What somebody does who has logged in, as an event. */
export function sshEvent(report: SshReport): EventBody {
  const { connection, remote } = report;
  const login = { connection, remote };
  switch (report.action) {
    case "login":
      return { kind: "ssh.login", outcome: "ok", data: { ...login, key: report.key } };
    case "logout": {
      const { durationMs, reason } = report;
      return { kind: "ssh.logout", outcome: "ok", data: { ...login, durationMs, reason } };
    }
    case "shell":
    case "exec":
    case "sftp": {
      const { action: program, command, terminal, exit, durationMs, error } = report;
      const data = {
        ...login,
        program,
        command: command && clipped(command),
        terminal,
        exitCode: exit?.code ?? null,
        signal: exit?.signal ?? null,
        durationMs,
        error,
      };
      return { kind: "ssh.process", outcome: exit?.code === 0 ? "ok" : "failed", data };
    }
    case "dial":
    case "accept": {
      const { port, durationMs, error } = report;
      const host = report.action === "dial" ? report.host : null;
      const direction = report.action === "dial" ? "in" : "out";
      const data = { ...login, direction, host, port, durationMs, error } as const;
      return { kind: "ssh.forward", outcome: outcome(error), data };
    }
    case "listen":
      return {
        kind: "ssh.listen",
        outcome: outcome(report.error),
        data: { ...login, port: report.port, error: report.error },
      };
  }
}

const outcome = (error: string | null) => (error === null ? "ok" : "failed");

function clipped(command: string): string {
  return command.length > MAX_COMMAND_CHARS ? `${command.slice(0, MAX_COMMAND_CHARS)}…` : command;
}

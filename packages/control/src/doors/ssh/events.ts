import type { SshReport } from "@sandkeep/doors";
import type { EventBody } from "@sandkeep/protocol";

/** Longest text in an event, in characters, such as a command: an event keeps the beginning. Clients and guests choose these texts. */
const MAX_TEXT_CHARS = 2_000;

/** What somebody does who has logged in, as an event. */
export function sshEvent(report: SshReport): EventBody {
  const { connection, remote } = report;
  const login = { connection, remote };
  switch (report.action) {
    case "login":
      return { kind: "ssh.login", outcome: "ok", data: { ...login, key: report.key } };
    case "logout": {
      const { durationMs, reason } = report;
      return { kind: "ssh.logout", outcome: "ok", data: { ...login, durationMs, reason: clipped(reason) } };
    }
    case "shell":
    case "exec":
    case "sftp": {
      const { action: program, command, terminal, exit, durationMs } = report;
      const data = {
        ...login,
        program,
        command: clipped(command),
        terminal,
        exitCode: exit?.code ?? null,
        signal: exit?.signal ?? null,
        durationMs,
        error: clipped(report.error),
      };
      return { kind: "ssh.process", outcome: exit?.code === 0 ? "ok" : "failed", data };
    }
    case "dial":
    case "accept": {
      const { durationMs } = report;
      const error = clipped(report.error);
      const to = report.action === "dial" ? report.to : { host: null, port: report.port };
      const direction = report.action === "dial" ? "in" : "out";
      const place = "path" in to ? { host: null, port: null, path: to.path } : { ...to, path: null };
      const data = { ...login, direction, ...place, durationMs, error } as const;
      return { kind: "ssh.forward", outcome: outcome(error), data };
    }
    case "listen":
      return {
        kind: "ssh.listen",
        outcome: outcome(report.error),
        data: { ...login, port: report.port, error: clipped(report.error) },
      };
  }
}

const outcome = (error: string | null) => (error === null ? "ok" : "failed");

function clipped(text: string | null): string | null {
  return text !== null && text.length > MAX_TEXT_CHARS ? `${text.slice(0, MAX_TEXT_CHARS)}…` : text;
}

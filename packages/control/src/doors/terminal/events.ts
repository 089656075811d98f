import type { TerminalReport } from "@sandkeep/doors";
import type { EventBody } from "@sandkeep/protocol";

/**
 * What somebody does in a web terminal, as an event.
 *
 * @param token id of the token with which the link was made
 */
export function terminalEvent(report: TerminalReport, token: string): EventBody {
  const { terminal, remote } = report;
  switch (report.action) {
    case "open":
      return { kind: "terminal.opened", outcome: "ok", data: { terminal, remote, token } };
    case "return":
      return { kind: "terminal.resumed", outcome: "ok", data: { terminal, remote } };
    case "close": {
      const { exit, durationMs, reason } = report;
      const data = {
        terminal,
        remote,
        exitCode: exit?.code ?? null,
        signal: exit?.signal ?? null,
        durationMs,
        reason,
      };
      return { kind: "terminal.closed", outcome: "ok", data };
    }
  }
}

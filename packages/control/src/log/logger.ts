import type { Logger } from "@sandkeep/common";
import { pino } from "pino";

/**
 * Structured logs: one JSON object per line on standard error, so that a command keeps its standard output.
 * Nothing secret is ever passed to it; the redaction below is a second barrier.
 */
export function createLogger(level: string): Logger {
  const destination = pino.destination({ fd: 2, sync: true });
  // For example, the disk of a log file is full: that must not fail what is logged.
  destination.on("error", () => {});
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: [
          "token",
          "authorization",
          "headers.authorization",
          "*.token",
          "*.authorization",
          "secrets",
          "*.secrets",
        ],
        censor: "[secret]",
      },
    },
    destination,
  );
}

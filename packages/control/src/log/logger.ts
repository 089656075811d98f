import type { Logger } from "@sandkeep/common";
import { pino } from "pino";

/**
 * Structured logs: one JSON object a line on standard error, so that a command's standard output stays its own.
 * Nothing secret is ever given to it; the redaction below is a second wall.
 */
export function createLogger(level: string): Logger {
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
    pino.destination({ fd: 2, sync: true }),
  );
}

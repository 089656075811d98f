import { z } from "zod";

/** Answer of POST /api/v1/sandboxes/{id}/terminal. */
export const terminalLinkSchema = z.object({
  /** Opens a terminal in a browser, once. */
  url: z.string(),
  /** ISO 8601: it must have been opened by then. */
  expiresAt: z.string(),
});
export type TerminalLink = z.infer<typeof terminalLinkSchema>;

const terminal = { terminal: z.string(), remote: z.string() };

/** Data of the events of web terminals. */
export const terminalEventShapes = {
  "terminal.opened": { ...terminal, /** Id of the access token with which the link was made. */ token: z.string() },
  /** The page was loaded again, or has had no connection for a while. */
  "terminal.resumed": terminal,
  "terminal.closed": {
    ...terminal,
    /** Of the shell; null if it has not been seen. */
    exitCode: z.number().nullable(),
    signal: z.string().nullable(),
    durationMs: z.number(),
    /** Why it was ended, if it has not ended by itself. */
    reason: z.string().nullable(),
  },
} as const;

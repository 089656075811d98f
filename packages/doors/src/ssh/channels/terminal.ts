import type { SshTerminal } from "../contract.ts";
import { MAX_TERM_CHARS, MAX_TERMINAL_SIDE } from "../limits.ts";

/** Names in terminfo. */
const TERM = /^[A-Za-z0-9][A-Za-z0-9+._-]*$/;
/** If the client says nothing, as editors that run a terminal in a buffer do. */
const DEFAULT = { cols: 80, rows: 24, term: "xterm-256color" };

/** The size that a client asks for. */
export function size({ cols, rows }: { cols: number; rows: number }): { cols: number; rows: number } {
  const side = (given: number, otherwise: number) => (given > 0 ? Math.min(given, MAX_TERMINAL_SIDE) : otherwise);
  return { cols: side(cols, DEFAULT.cols), rows: side(rows, DEFAULT.rows) };
}

/** The terminal that a client asks for, or undefined if there is none like that. */
export function terminal(info: { cols: number; rows: number; term?: string }): SshTerminal | undefined {
  const term = info.term || DEFAULT.term;
  if (term.length > MAX_TERM_CHARS || !TERM.test(term)) return undefined;
  return { ...size(info), term };
}

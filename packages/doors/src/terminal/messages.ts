/**
 * What a page and the server tell each other. Binary messages are what is typed and what is printed; text messages are these, as JSON. Both
 * sides count the bytes of both directions, so that nothing is lost or doubled when the page connects again.
 */
import { z } from "zod";
import { MAX_TERMINAL_SIDE } from "../ssh/limits.ts";

/** Random text; a longer one is not even hashed. */
const secret = z.string().min(1).max(128);
const side = z.int().min(1).max(MAX_TERMINAL_SIDE);
const position = z.int().nonnegative();
const size = { cols: side, rows: side };

/** The first message of a page. */
export const helloSchema = z.discriminatedUnion("type", [
  /** Uses a link. */
  z.object({ type: z.literal("open"), token: secret, ...size }),
  /** Comes back to a shell. `received`: how many bytes of its output the page has. */
  z.object({ type: z.literal("resume"), secret, received: position, ...size }),
]);
export type Hello = z.output<typeof helloSchema>;

/** All others. */
export const pageMessageSchema = z.discriminatedUnion("type", [
  /** Bytes of output that the page has drawn. */
  z.object({ type: z.literal("drawn"), bytes: position }),
  z.object({ type: z.literal("resize"), ...size }),
  z.object({ type: z.literal("pong") }),
]);
export type PageMessage = z.output<typeof pageMessageSchema>;

export type ServerMessage =
  /** There is a shell. The secret, which only this page knows, leads back to it. */
  | { type: "opened"; sandbox: string; secret: string }
  /**
   * The page is back: output goes on at `from`, which is where the page was, unless that is too long ago. Up to `seen`, pages have seen it
   * before. `typed`: bytes of input that have arrived.
   */
  | { type: "resumed"; sandbox: string; from: number; seen: number; typed: number }
  /** Bytes of input that the shell has taken. */
  | { type: "taken"; bytes: number }
  | { type: "ping" }
  /** The shell has ended. */
  | { type: "exit"; code: number; signal: string | null };

/** Codes with which the server closes a connection. After one of the first group, it makes no sense to connect again. */
export const CLOSE = {
  ended: 1000,
  linkInvalid: 4001,
  shellGone: 4002,
  sandboxEnded: 4003,
  sandboxPaused: 4004,
  tokenEnded: 4005,
  takenOver: 4006,
  violation: 4008,
  notStarted: 4011,

  stopping: 1012,
  unresponsive: 4007,
  tooOften: 4009,
} as const;

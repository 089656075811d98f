/** Bounds of one RPC connection. Each keeps one client from costing the server, or other clients, without end. */

const KIB = 1024;
const MIB = 1024 * KIB;

export interface RpcLimits {
  /**
   * Largest message from a client, bytes; for the WebSocket server's `maxPayload`. `writeFile` sends a whole file as
   * base64 in one message, and 100 MiB of file must fit (wire-protocol §4.4).
   */
  messageBytes: number;
  /** Largest message to a client, bytes: the JavaScript client's `ws` refuses more than 100 MiB. */
  resultBytes: number;
  /** Calls under way, or answered but not yet sent. A client waits for answers long before it has so many. */
  pendingCalls: number;
  /** Bytes of the messages of calls under way: beyond it the socket is not read until some are done. */
  pendingCallBytes: number;
  /** Unsent bytes beyond which nothing more is taken from the guest, and the mark below which it goes on. */
  outboxHighBytes: number;
  outboxLowBytes: number;
  /** Results that are held in memory as a whole (files), bytes together, until they are sent. */
  heldResultBytes: number;
  /** A client's stream that no call has named yet: what it may send ahead, bytes (one chunk may go over it). */
  unclaimedStreamBytes: number;
  /** All such streams together, bytes; and their number. */
  unclaimedBytes: number;
  unclaimedStreams: number;
  /** What claimed streams may hold before the socket is not read any more: the protocol has no flow control of its own. */
  claimedHighBytes: number;
  claimedLowBytes: number;
  /** Open files. */
  handles: number;
  /** Largest piece that one `fileRead` gives, bytes; it may give less than was asked for, as any read may. */
  readBytes: number;
  /** Read-ahead of one file handle, bytes: one such piece is on its way while another is served. */
  readAheadBytes: number;
  /** All files of a connection together, bytes: beyond it they are read without reading ahead. */
  readAheadTotalBytes: number;
  /** Age at which bytes read ahead are read again, ms: what others wrote meanwhile must show up soon. */
  readAheadAgeMs: number;
  /** How long output waits for the client's `processWait`, ms (§6.1 rule 2). */
  outputGateMs: number;
  /** Inline Deno code up to so many bytes goes on the command line (Linux allows 128 KiB for one argument). */
  inlineCodeBytes: number;
  /** Largest answer of a REPL, bytes. */
  replAnswerBytes: number;
  /** Evaluations that wait for their turn in one REPL. */
  replQueue: number;
  /** How long a client may take to answer a close before it is cut off, ms: one that reads nothing never answers. */
  closeGraceMs: number;
}

export const RPC_LIMITS: RpcLimits = {
  messageBytes: 160 * MIB,
  resultBytes: 100 * MIB,
  pendingCalls: 4096,
  pendingCallBytes: 192 * MIB,
  outboxHighBytes: 1 * MIB,
  outboxLowBytes: 256 * KIB,
  heldResultBytes: 128 * MIB,
  unclaimedStreamBytes: 4 * MIB,
  unclaimedBytes: 64 * MIB,
  unclaimedStreams: 1024,
  claimedHighBytes: 4 * MIB,
  claimedLowBytes: 1 * MIB,
  handles: 1024,
  readBytes: 16 * MIB,
  readAheadBytes: 512 * KIB,
  readAheadTotalBytes: 16 * MIB,
  readAheadAgeMs: 250,
  outputGateMs: 300,
  inlineCodeBytes: 96 * KIB,
  replAnswerBytes: 64 * MIB,
  replQueue: 1024,
  closeGraceMs: 5000,
};

/** Largest chunk of a stream to a client, bytes: with base64 it stays far below the 1 MiB that the Python client takes (§6.1 rule 8). */
export const CHUNK_BYTES = 64 * KIB;

/** Deno processes and REPLs whose end is remembered, so that a late `denoHttpWait` is still answered. */
export const REMEMBERED_PROCESSES = 1024;

/** Longest line of a guest's `walk` stream, bytes: a path has at most 4 KiB, written as JSON at most six times that. */
export const WALK_LINE_BYTES = 64 * KIB;

/** Longest line that a program may send on its reporting pipe, bytes. */
export const REPORT_LINE_BYTES = 4 * KIB;

/** What an event keeps of a command line, characters. */
export const EVENT_ARGV_CHARS = 8 * KIB;

/**
 * Limits of one RPC connection (wire-protocol §13). Each keeps one client from using up the server's resources, or other
 * clients'.
 */

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
  /** Pending calls, including answers that are not sent yet. Clients wait for answers long before they have this many. */
  pendingCalls: number;
  /** Bytes of the messages of pending calls: above it, the socket is not read until some calls finish. */
  pendingCallBytes: number;
  /** Unsent bytes above which nothing more is taken from the guest, and below which it resumes. */
  outboxHighBytes: number;
  outboxLowBytes: number;
  /** Total bytes of results that are held in memory as a whole (files) until they are sent. */
  heldResultBytes: number;
  /** Bytes that a client may send on a stream before a call names it (one chunk may exceed it). */
  unclaimedStreamBytes: number;
  /** Total bytes of all such streams, and their number. */
  unclaimedBytes: number;
  unclaimedStreams: number;
  /**
   * Bytes of claimed streams above which the socket is not read, because the protocol has no flow control of its own, and
   * below which it is read again.
   */
  claimedHighBytes: number;
  claimedLowBytes: number;
  /** Open files. */
  handles: number;
  /** Largest piece that one `fileRead` returns, bytes. Like any read, it may return less than requested. */
  readBytes: number;
  /** Read-ahead of one file handle, bytes: one piece is being fetched while another is served. */
  readAheadBytes: number;
  /** Read-ahead of all files of a connection, bytes: above it, files are read without read-ahead. */
  readAheadTotalBytes: number;
  /** Age at which read-ahead is discarded, ms: changes by others must show up soon. */
  readAheadAgeMs: number;
  /** How long output waits for the client's `processWait`, ms (wire-protocol §6.1 rule 2). */
  outputGateMs: number;
  /** Largest inline Deno code that is passed on the command line, bytes. Linux allows 128 KiB per argument. */
  inlineCodeBytes: number;
  /** Largest answer of a REPL, bytes. */
  replAnswerBytes: number;
  /** Evaluations that wait in the queue of one REPL. */
  replQueue: number;
  /** How long a client may take to answer a close before it is disconnected, ms: a client that reads nothing never answers. */
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

/**
 * Largest chunk of a stream to a client, bytes: in base64 it stays far below the 1 MiB that the Python client accepts
 * (wire-protocol §6.1 rule 8).
 */
export const CHUNK_BYTES = 64 * KIB;

/** Deno processes and REPLs whose end is remembered, so that a late `denoHttpWait` is still answered. */
export const REMEMBERED_PROCESSES = 1024;

/** Longest line of a guest's `walk` stream, bytes: a path has at most 4 KiB, written as JSON at most six times that. */
export const WALK_LINE_BYTES = 64 * KIB;

/** Longest line that a program may send on its reporting pipe, bytes. */
export const REPORT_LINE_BYTES = 4 * KIB;

/** Characters of a command line that an event keeps. */
export const EVENT_ARGV_CHARS = 8 * KIB;

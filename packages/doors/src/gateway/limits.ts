/** Limits of the listener. Whoever connects may be hostile. */

/** Bytes. The configuration of a new sandbox arrives in a header, with all of its secrets; Node's default is 16 KiB. */
export const MAX_HEADER_BYTES = 128 * 1024;
/** A request's headers must arrive within this time, milliseconds. Slower clients waste a socket. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** Idle connections are kept for the next request, milliseconds. Longer than the 4 s after which common clients close them. */
export const KEEP_ALIVE_MS = 30_000;
/** Responses that a client may wait for on one connection over HTTP/1. Hardly any client sends a request before it has the last response. */
export const MAX_PIPELINED = 32;
/** Milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Concurrent requests on an HTTP/2 connection. RFC 9113, section 6.5.2, recommends at least 100. */
export const MAX_STREAMS = 128;
/** Memory of an HTTP/2 connection, MB. */
export const MAX_SESSION_MEMORY_MB = 16;
/** Headers of a request over HTTP/2, and their bytes. Cookies and tokens of large services exceed Node's 16 KiB. */
export const MAX_HTTP2_HEADERS = 256;
export const MAX_HTTP2_HEADER_BYTES = 65_536;
/**
 * HTTP/2 receive window of a request's body, bytes: enough for 25 MB/s at a round trip of 10 ms. So much of each body may be in memory while
 * nobody reads it: Node hands on what arrives at once, and does not count it towards the memory of the connection.
 */
export const STREAM_WINDOW_BYTES = 1 << 18;
/** How often is looked whether a response over HTTP/2 has left, milliseconds, and how many times before the request ends in any case. */
export const CLOSE_LOOK_MS = 50;
export const MAX_CLOSE_LOOKS = 200;
/** An HTTP/2 connection without requests is closed after this time, milliseconds. Browsers keep theirs for minutes. */
export const HTTP2_IDLE_MS = 120_000;
/** Requests that a client may reset in a burst, then per second; more is an attack (CVE-2023-44487). */
export const MAX_EARLY_RESETS = 200;
export const RESETS_PER_SECOND = 33;

/** Limits of HTTP doors. Visitors may be hostile, and what is behind a door always may. */

/** Size of a message's headers in either direction, bytes. Cookies and tokens of large services exceed Node's 16 KiB. */
export const MAX_HEADER_BYTES = 65_536;
/** Number of headers of a message, in either direction. */
export const MAX_HEADERS = 256;
/** Interim responses (1xx) to a request. Servers send one or two. */
export const MAX_INTERIM = 8;
/** A response must begin within this time, milliseconds. Language models think for minutes before they respond, and development servers compile. */
export const ANSWER_TIMEOUT_MS = 15 * 60_000;
/**
 * Requests and WebSockets that may be open at one door. Each may keep 256 KiB of a request's body and as much of its response in memory
 * while nobody reads them.
 */
export const MAX_OPEN_PER_DOOR = 1_024;
/** After its response, a visitor who still sends may do so for this long, milliseconds, in order to see the response at all. */
export const LINGER_MS = 10_000;
/** When one side of a WebSocket has ended, the other may go on for this long, milliseconds. Both sides end together if they follow RFC 6455. */
export const HALF_OPEN_MS = 2_000;
/** A connection into a sandbox is kept for the next request for this long, milliseconds. Less than the 5 s after which Node's servers close theirs. */
export const KEEP_IDLE_MS = 3_000;
/** How many of these. */
export const MAX_IDLE = 32;
/** Silence on a visitor's connection after which the kernel asks whether the visitor is still there, milliseconds. */
export const PROBE_AFTER_MS = 60_000;

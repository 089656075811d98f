/** Bounds of the proxy. The guest is hostile, upstreams may be: whatever either can make grow or last has one. */

/** Longest TLS ClientHello, bytes. With post-quantum key shares they are about 2 KiB; more than 64 KiB, no client sends. */
export const MAX_CLIENT_HELLO_BYTES = 65_536;
/** Longest first line that is waited for to tell HTTP from something else, bytes: as long as a request's headers may be. */
export const MAX_FIRST_LINE_BYTES = 65_536;
/** Of a connection that did not begin as a request, so many of the guest's bytes are looked at for requests further on: as long as a request's headers may be. */
export const MAX_GUARDED_BYTES = 65_536;
/** How long a guest that has begun to say what it speaks may take to finish, ms. A client sends it in one piece. */
export const FIRST_BYTES_TIMEOUT_MS = 15_000;
/** How long a refused guest may keep silent before its connection is reset, ms. It has nothing to wait for. */
export const REFUSED_TIMEOUT_MS = 15_000;
/** How long a TLS handshake may take, ms, on either side. */
export const HANDSHAKE_TIMEOUT_MS = 15_000;

/** Headers of a message, bytes. Node's default is 16 KiB; cookies and tokens of large services exceed it. */
export const MAX_HEADER_BYTES = 65_536;
/** Headers of a message, number. */
export const MAX_HEADERS = 256;
/** A connection on which no request is going on, or whose next request is not complete, is closed after so long, ms. Also the answer to slow headers. */
export const IDLE_TIMEOUT_MS = 120_000;
/** An exchange in which no byte moves, in either direction, is given up after so long, ms. Models think for minutes before they answer. */
export const EXCHANGE_IDLE_TIMEOUT_MS = 15 * 60_000;
/** Requests that a guest may send ahead on an HTTP/1 connection. apt sends 10. */
export const MAX_PIPELINED = 64;
/** Interim answers (1xx) to a request; a server sends one or two. */
export const MAX_INTERIM = 8;

/** The line with the size of a chunk, its extensions included, bytes. Go's bound; nobody sends extensions. */
export const MAX_CHUNK_LINE_BYTES = 4_096;

/** Streams at once on an HTTP/2 connection of a guest: RFC 9113 §6.5.2 recommends no fewer than 100. */
export const MAX_STREAMS = 128;
/** Memory of an HTTP/2 session, MB. */
export const MAX_SESSION_MEMORY_MB = 16;
/** HTTP/2 receive window of a stream and of a connection, bytes: enough for 150 MB/s at some 10 ms. */
export const STREAM_WINDOW_BYTES = 1 << 20;
export const CONNECTION_WINDOW_BYTES = 4 << 20;
/** The window of an HTTP/2 connection on which nothing else was agreed, bytes (RFC 9113 §6.9.2). It cannot be less. */
export const DEFAULT_WINDOW_BYTES = 65_535;
/** Wider windows of all HTTP/2 connections of a sandbox together, bytes: 16 connections, each with its upstream's, at full speed. */
export const MAX_WINDOWS_BYTES = 128 << 20;
/** How long the last frames of an HTTP/2 connection that its upstream has ended may wait for what is still being sent, ms. */
export const LAST_FRAMES_MS = 3_000;
/** Streams that a guest may reset at once, and how many each second makes up for; more is an attack (CVE-2023-44487). */
export const MAX_EARLY_RESETS = 200;
export const RESETS_PER_SECOND = 33;

/** A WebSocket frame that has not arrived whole is passed on in parts when it is longer, bytes. */
export const MAX_WEBSOCKET_HELD_BYTES = 256 * 1024;
/** The same, when it comes in so many pieces: each costs more than its bytes. */
export const MAX_WEBSOCKET_HELD_PARTS = 1_024;

/** What of a coded answer waits to be passed on while it is searched, bytes: what holds it back decodes to a few hundred bytes. */
export const MAX_WATCHED_HELD_BYTES = 1 << 20;

/** How long a hook may take, ms. */
export const HOOK_TIMEOUT_MS = 10_000;

/** Leaf certificates that are kept; each is about 20 KB with its context. */
export const MAX_LEAVES = 1_024;

/** CONNECT within CONNECT: one is a proxy setting, two may be a tunnel in a tunnel, more is a game. */
export const MAX_CONNECT_DEPTH = 2;

/**
 * Ports on which HTTP is usual. A refused connection to one of them is accepted, so that the guest is told in its own
 * protocol why it gets nowhere; to any other it is refused.
 */
export const HTTP_PORTS: ReadonlySet<number> = new Set([80, 443, 3000, 8000, 8008, 8080, 8443, 8888]);

/** How long a guest may take to fetch the last bytes of a connection that has ended, ms. */
export const FETCH_MS = 300_000;

/** How long a guest that has been sent everything may take to end its side, ms. */
export const LINGER_MS = 30_000;

/** What a guest may still send after the end of its connection, bytes. */
export const MAX_DISCARDED_BYTES = 1024 * 1024;

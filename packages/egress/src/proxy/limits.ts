/** Limits of the proxy. Guests are hostile and upstreams may be: everything that they can make grow or last has a limit. */

/** Longest first line that the proxy waits for to recognise HTTP, bytes: the same as for a request's headers. */
export const MAX_FIRST_LINE_BYTES = 65_536;
/** How many of a guest's bytes are searched for hidden requests if the connection did not begin as HTTP: the same as for a request's headers. */
export const MAX_GUARDED_BYTES = 65_536;
/** How long a guest may take to complete its first line or ClientHello, ms. Clients send them in one piece. */
export const FIRST_BYTES_TIMEOUT_MS = 15_000;
/** How long a refused guest may stay silent before its connection is reset, ms. */
export const REFUSED_TIMEOUT_MS = 15_000;
/** Time limit for a TLS handshake on either side, ms. */
export const HANDSHAKE_TIMEOUT_MS = 15_000;

/**
 * What may wait for a guest to read it on a TLS connection, bytes. Twice Node's default: larger batches cost less for each byte, but every
 * answer that nobody reads holds this much.
 */
export const GUEST_BUFFER_BYTES = 128 * 1024;

/** Size of a message's headers, bytes. Node's default is 16 KiB; cookies and tokens of large services exceed it. */
export const MAX_HEADER_BYTES = 65_536;
/** Number of headers in a message. */
export const MAX_HEADERS = 256;
/** A connection without a request in progress, or with an incomplete next request, is closed after this time, ms. Also protects against slow headers. */
export const IDLE_TIMEOUT_MS = 120_000;
/** An exchange without any traffic is aborted after this time, ms. Language models think for minutes before they respond. */
export const EXCHANGE_IDLE_TIMEOUT_MS = 15 * 60_000;
/** Requests that a guest may pipeline on an HTTP/1 connection. apt sends 10. */
export const MAX_PIPELINED = 64;
/** Interim responses (1xx) to a request. Servers send one or two. */
export const MAX_INTERIM = 8;

/** Longest chunk-size line including extensions, bytes. The same as Go's limit; nobody sends extensions. */
export const MAX_CHUNK_LINE_BYTES = 4_096;

/** Concurrent streams on a guest's HTTP/2 connection. RFC 9113 §6.5.2 recommends at least 100. */
export const MAX_STREAMS = 128;
/** Memory of an HTTP/2 session, MB. */
export const MAX_SESSION_MEMORY_MB = 16;
/** HTTP/2 receive windows of a stream and of a connection, bytes: enough for 150 MB/s at a latency of about 10 ms. */
export const STREAM_WINDOW_BYTES = 1 << 20;
export const CONNECTION_WINDOW_BYTES = 4 << 20;
/** Default and smallest window of an HTTP/2 connection, bytes (RFC 9113 §6.9.2). */
export const DEFAULT_WINDOW_BYTES = 65_535;
/** Total of the enlarged windows of a sandbox's HTTP/2 connections, bytes: 16 connections and their upstreams' at full speed. */
export const MAX_WINDOWS_BYTES = 128 << 20;
/** How long the last frames of an HTTP/2 connection that the upstream has closed may wait behind data still being sent, ms. */
export const LAST_FRAMES_MS = 3_000;
/** Streams that a guest may reset in a burst, then per second; more is an attack (CVE-2023-44487). */
export const MAX_EARLY_RESETS = 200;
export const RESETS_PER_SECOND = 33;

/** An incomplete WebSocket frame longer than this is passed on in parts, bytes. */
export const MAX_WEBSOCKET_HELD_BYTES = 256 * 1024;
/** The same for its number of pieces: each costs more memory than its bytes. */
export const MAX_WEBSOCKET_HELD_PARTS = 1_024;

/** Part of an encoded response that may be held back while it is searched, bytes. What holds it back decodes to a few hundred bytes. */
export const MAX_WATCHED_HELD_BYTES = 1 << 20;

/** Time limit for a hook, ms. */
export const HOOK_TIMEOUT_MS = 10_000;

/** Nesting of CONNECT requests. One comes from a proxy setting; two may be legitimate, more are not. */
export const MAX_CONNECT_DEPTH = 2;

/**
 * Ports that usually speak HTTP. A denied connection to one of them is accepted, so that the guest gets an HTTP response with the
 * reason. On any other port it is refused.
 */
export const HTTP_PORTS: ReadonlySet<number> = new Set([80, 443, 3000, 8000, 8008, 8080, 8443, 8888]);

/** How long a guest may take to read the last bytes of a connection that has ended, ms. */
export const FETCH_MS = 300_000;

/** How long a guest may take to close its side after everything has been sent to it, ms. */
export const LINGER_MS = 30_000;

/** Bytes that a guest may still send after the end of its connection; they are discarded. */
export const MAX_DISCARDED_BYTES = 1024 * 1024;

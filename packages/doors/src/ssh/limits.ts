/** Limits of the SSH door. Clients, also those that have logged in, may be hostile. */

const MiB = 1024 * 1024;

/** Time to log in, in milliseconds: as in OpenSSH's server, because a person may have to confirm the host's key. */
export const LOGIN_MS = 120_000;

/** Connections of all clients, and those of them that have not logged in yet: a handshake costs a millisecond of processor time. */
export const MAX_CONNECTIONS = 1_024;
export const MAX_LOGINS = 64;

/** Connections to one sandbox, through all of its doors. Editors and file managers use a few each. */
export const MAX_CONNECTIONS_PER_SANDBOX = 32;
/** Connections to all sandboxes of one organisation: half of the room. */
export const MAX_CONNECTIONS_PER_ORGANISATION = MAX_CONNECTIONS / 2;

/** Attempts to log in on one connection: a client offers its keys one after another. */
export const MAX_ATTEMPTS = 10;

/**
 * Unknown user names from one address, and in what time, in milliseconds. More, and further ones get no answer until the time is over. Known
 * ones do: a network or a proxy may have one address for many people.
 */
export const MAX_GUESSES = 20;
export const GUESSES_MS = 60_000;
/** Addresses that guesses are counted for: 100 bytes each. */
export const MAX_GUESSERS = 10_000;

/** Longest host name or path of a socket that a client may ask for, in characters: a name in DNS has at most 253, a path 107. */
export const MAX_HOST_CHARS = 255;

/**
 * Largest packet that a client must at least take on a channel, in bytes. The smallest that a known client grants is 16 KiB (PuTTY). With a
 * few bytes, a little output becomes a great many packets; with none, `ssh2` would never be done.
 */
export const MIN_PACKET_BYTES = 1024;

/** How long a sandbox has to begin to listen on a port, in milliseconds: its client waits, and can do nothing else meanwhile. */
export const LISTEN_MS = 10_000;

/** Longest user name, in characters. */
export const MAX_USERNAME_CHARS = 128;

/** Channels of one connection: a browser behind `ssh -D` opens about 100. */
export const MAX_CHANNELS = 256;

/** Ports that one connection listens on. */
export const MAX_LISTENERS = 32;

/** Environment variables that a client may send for one process, and the characters of their names and values. */
export const MAX_ENV = 64;
export const MAX_ENV_CHARS = 32 * 1024;

/** Signals that are on their way to one process. */
export const MAX_SIGNALS = 16;

/** How long a process whose client has gone may take to end, in milliseconds, so that its end is recorded. */
export const ABANDONED_MS = 5_000;

/** A client's command line, in characters: what Linux accepts as one argument. */
export const MAX_COMMAND_CHARS = 128 * 1024;

/** Longest name of a terminal's type. */
export const MAX_TERM_CHARS = 64;

/** A terminal's columns or rows: the kernel stores them in 16 bits. */
export const MAX_TERMINAL_SIDE = 65_535;

/** Bytes of output that wait to be sent to one client. */
export const MAX_QUEUED_BYTES = 4 * MiB;
/** Above this, nothing more is read from a client before it has taken what waits: each of its requests may lead to a reply. */
export const MAX_UNSENT_BYTES = MiB / 4;

/** What a client may send before it has logged in, in bytes: a dozen keys, certificates included, need a fraction of that. */
export const MAX_LOGIN_BYTES = MiB / 4;

/**
 * Key exchanges of a client that has logged in: some at once, then one in so many milliseconds. Each takes a millisecond of processor time.
 * OpenSSH needs one in a gigabyte or an hour; nothing more is read from whoever wants more of them, until it is time.
 */
export const REKEYS = { burst: 16, everyMs: 500 };

/** Time that a piece of what a client sends may take, in milliseconds, before others get a turn: one of 64 KiB can take a tenth of a second. */
export const SLOW_PIECE_MS = 5;

/** Bytes of one channel that its sandbox has not taken yet: twice the window that `ssh2` grants. More is a violation of the protocol. */
export const MAX_UNREAD_CHANNEL_BYTES = 4 * MiB;
/** The same of all channels of a connection, and of all connections. */
export const MAX_UNREAD_BYTES = 64 * MiB;
export const MAX_ALL_UNREAD_BYTES = 256 * MiB;

/** A client is asked for a sign of life after so many milliseconds of silence, and is gone after so many unanswered questions. */
export const KEEPALIVE_MS = 30_000;
export const MAX_KEEPALIVES = 6;

/** A client that has been told that its connection ends has this long to take the message, in milliseconds. */
export const FAREWELL_MS = 1_000;

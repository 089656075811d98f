/** Limits of web terminals. Browsers may be broken, and what runs in a sandbox hostile. */

const KiB = 1024;

/** A link must be used within this time, in milliseconds: it is made for somebody who is about to open it. */
export const LINK_MS = 60_000;
/** Who has connected must say within this time what for, in milliseconds. */
export const HELLO_MS = 10_000;
/** A sandbox has so long to start a shell, in milliseconds: an emulated one that is busy needs seconds, and a hostile one never answers. */
export const START_MS = 60_000;
/** A shell whose browser is gone lives for so long, in milliseconds: a tunnel or a lost network, but not a night. */
export const DETACHED_MS = 5 * 60_000;

/** A page may come back to its shell so often at once, and then once in this time, in milliseconds: each time is an event, and replays output. */
export const MAX_RETURNS = 30;
export const RETURN_MS = 1_000;

/** When a shell is out of reach, its sandbox's end is known within this time, in milliseconds. */
export const LOST_MS = 5_000;

/** Terminals, and links that may become one. Each has a shell in its sandbox, and up to {@link SCROLLBACK_BYTES} here. */
export const MAX_TERMINALS_PER_SANDBOX = 16;
export const MAX_TERMINALS_PER_ORGANISATION = 64;
export const MAX_TERMINALS = 256;

/** Output that is kept for a browser that connects again, in bytes: a few thousand lines. */
export const SCROLLBACK_BYTES = 256 * KiB;
/**
 * Output that a browser has not drawn yet, in bytes: 2.5 MB/s at a round trip of 50 ms. With that much on its way, no more is read from
 * the shell, which then waits.
 */
export const OUTPUT_WINDOW_BYTES = 128 * KiB;
/** Output is handled in pieces of this size, in bytes, so that the window is exceeded by one piece at most. */
export const PIECE_BYTES = 32 * KiB;
/** Input that a shell has not taken yet, in bytes. A browser that sends more breaks the protocol. */
export const INPUT_WINDOW_BYTES = 64 * KiB;
/** Largest message of a browser, in bytes. */
export const MAX_MESSAGE_BYTES = INPUT_WINDOW_BYTES;
/** A browser that leaves more than this unread, in bytes, is disconnected: output stops at its window, so these are answers to endless messages. */
export const MAX_BUFFERED_BYTES = 512 * KiB;

/** How often a browser is asked for a sign of life, in milliseconds, and after how much silence it is gone. */
export const PING_MS = 15_000;
export const SILENT_MS = 45_000;
/** A browser that has been told that its connection ends has this long to take the message, in milliseconds. */
export const FAREWELL_MS = 2_000;

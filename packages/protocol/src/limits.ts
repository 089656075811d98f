/** Limits of the platform itself. What an installation may choose is in the server's configuration. */

/** Memory of a sandbox, MiB (platform-features A). */
export const MEMORY_MIB = { min: 768, max: 4096, default: 1280 } as const;

/** Labels of a sandbox: at most so many, and bytes of UTF-8 in each key and value. */
export const LABELS = { max: 5, keyBytes: 64, valueBytes: 128 } as const;

/** Longest id, slug, host name and path in a configuration, characters. A DNS name has at most 253. */
export const NAME_LENGTH = 255;

/** Entries in `allow_net`, and secrets, and hosts of a secret, in one configuration. The header's size bounds them too. */
export const LIST_LENGTH = 1_000;

/** The configuration header once decoded, bytes. Sent as base64 it must still fit in the server's header limit. */
export const CONFIG_BYTES = 96 * 1024;

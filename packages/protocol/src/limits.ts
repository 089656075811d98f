/** Limits of the platform itself. What an installation may choose is in the server's configuration. */

/** Memory of a sandbox, MiB (docs/api.md). */
export const MEMORY_MIB = { min: 768, max: 4096, default: 1280 } as const;

/** Labels of a sandbox: the maximum number, and bytes of UTF-8 in each key and value. */
export const LABELS = { max: 5, keyBytes: 64, valueBytes: 128 } as const;

/** Children of one fork. Each takes a process and a copy of what its parent has changed. */
export const CHILDREN = 32;

/** Longest id, slug, host name and path in a configuration, characters. A DNS name has at most 253. */
export const NAME_LENGTH = 255;

/** Volumes of a sandbox besides its root. Every machine has a slot for each. */
export const VOLUMES_PER_SANDBOX = 8;

/** Patterns in `allow_net` and in `deny` of one configuration. The header's size limits them too. */
export const LIST_LENGTH = 1_000;

/** Secrets of a sandbox: the maximum number, bytes of UTF-8 in each value, hosts of each, and characters in its placeholder's form. Every answer is searched for every value, so each secret costs time. */
export const SECRETS = { max: 64, valueBytes: 16 * 1024, hosts: 100, placeholderFormLength: 256 } as const;

/** Longest lifetime of a token, milliseconds: a hundred years. Dates have a last value, and nobody needs a later one. */
export const TOKEN_LIFETIME_MS = 100 * 365 * 24 * 60 * 60_000;

/** Request rules of a sandbox, and in each rule: methods, paths, and characters of a path. Every request is compared with them. */
export const RULES = { max: 100, methods: 32, paths: 100, pathLength: 1_024 } as const;

/** The configuration header once decoded, bytes. Sent as base64 it must still fit in the server's header limit. */
export const CONFIG_BYTES = 96 * 1024;

/**
 * Variables of an app or a layer: the maximum number, characters of a key, bytes of UTF-8 in a value, contexts of each, and bytes of all
 * of them as they are stored (secrets need a third more than their values).
 */
export const ENV_VARS = { max: 100, keyLength: 255, valueBytes: 16 * 1024, contexts: 16, bytes: 128 * 1024 } as const;

/** An app's environment as a whole, bytes. Linux gives a new process 2 MiB for arguments and environment together. */
export const ENV_BYTES = 512 * 1024;

/** Apps and layers: layers of each, how deep layers include others, characters of a command or argument and of a description, and arguments. */
export const APPS = { layers: 10, depth: 5, commandLength: 4_096, descriptionLength: 1_024, args: 64 } as const;

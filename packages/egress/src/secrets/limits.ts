/** Limits of secrets. */

/**
 * Longest value, in bytes of UTF-8. Service account keys and certificate chains fit. Limits how much of a stream a redactor holds back,
 * and the size of its tables.
 */
export const MAX_VALUE_BYTES = 16_384;

/**
 * Shortest value, in bytes of UTF-8, that is also found in encoded forms. The forms of shorter values are so short that they occur in
 * ordinary data by chance, so only the value itself is searched for.
 */
export const MIN_ENCODED_BYTES = 4;

/** Nested content codings that are decoded. Ordinary traffic has no more. */
export const MAX_CODINGS = 3;

/**
 * Shortest value, in bytes of UTF-8, that does not occur by chance: a match is a leak. Some shorter values are ordinary words, and a response
 * must not be aborted because of them.
 */
export const MIN_CHANCELESS_BYTES = 16;

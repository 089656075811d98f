/** Limits of secrets. */

/**
 * Longest value, in bytes of UTF-8. Keys of service accounts and certificate chains fit; it bounds what a redactor holds back
 * of a stream and what its tables need.
 */
export const MAX_VALUE_BYTES = 16_384;

/**
 * Shortest value, in bytes of UTF-8, whose encoded forms are looked for. Of a shorter one a form is so short that it is in
 * ordinary data by chance; it is looked for as it is and in no other form.
 */
export const MIN_ENCODED_BYTES = 4;

/** Content codings on one message that are opened, one inside the other. More is nobody's ordinary traffic. */
export const MAX_CODINGS = 3;

/**
 * Shortest value, in bytes of UTF-8, that is in nothing by chance: a find is a leak. Of shorter ones some are words; an answer may not be
 * broken off because of them.
 */
export const MIN_CHANCELESS_BYTES = 16;

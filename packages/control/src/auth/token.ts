import { createHash } from "node:crypto";
import { newTokenId, randomText, type Scope } from "@sandkeep/protocol";
import type { OrganisationRecord, TokenRecord } from "@sandkeep/store";

/** Tokens with this prefix belong to an organisation; clients need to know no more (wire-protocol §2). */
const PREFIX = "ddo_";
/** 5 bits each: 200 random bits. */
const RANDOM_LENGTH = 40;
/** Leading characters that lists show, so that people recognise a token. */
const SHOWN = PREFIX.length + 6;
/** Longer than any token; a longer one is not even hashed. */
const MAX_LENGTH = 200;

/** SHA-256, hexadecimal: what is stored and looked up. Null for text that cannot be a token. */
export function hashToken(token: string): string | null {
  if (token.length === 0 || token.length > MAX_LENGTH) return null;
  return createHash("sha256").update(token).digest("hex");
}

export interface TokenOptions {
  name: string;
  scope: Scope;
  expiresAt: number | null;
}

/** A new token: the secret itself, which is shown once, its hash, and its record. */
export function newToken(
  organisation: OrganisationRecord,
  options: TokenOptions,
  now: number,
): { token: string; hash: string; record: TokenRecord } {
  const token = PREFIX + randomText(RANDOM_LENGTH);
  return {
    token,
    hash: hashToken(token) as string,
    record: {
      id: newTokenId(),
      organisation: { id: organisation.id, slug: organisation.slug },
      name: options.name,
      prefix: token.slice(0, SHOWN),
      scope: options.scope,
      createdAt: now,
      lastUsedAt: null,
      expiresAt: options.expiresAt,
      revokedAt: null,
    },
  };
}

import { z } from "zod";

/**
 * What a token may do, from least to most; each scope includes the ones before it. docs/api.md has the details.
 *
 * - `read`: look at the organisation's sandboxes, what they may reach, and events
 * - `run`: create sandboxes, connect to them, extend and end them
 * - `manage`: change what running sandboxes may reach and their secrets; the organisation's tokens
 * - `admin`: organisations, and tokens of every organisation
 */
export const SCOPES = ["read", "run", "manage", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

export const scopeSchema = z.enum(SCOPES);

/** Whether one scope includes another. */
export function includesScope(has: Scope, needed: Scope): boolean {
  return SCOPES.indexOf(has) >= SCOPES.indexOf(needed);
}

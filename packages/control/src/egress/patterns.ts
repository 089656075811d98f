import { PatternError, parsePattern } from "@sandkeep/egress";
import { ApiError, type EgressChange, LIST_LENGTH } from "@sandkeep/protocol";

type ListChange = Exclude<NonNullable<EgressChange["allow"]>, undefined>;

/**
 * A list of patterns after a change.
 *
 * @param field For the message.
 * @throws {ApiError} `INVALID_REQUEST` if a pattern to remove is not in the list: the caller must learn that it was never there.
 */
export function changedList(current: readonly string[], change: ListChange, field: string): string[] {
  if (Array.isArray(change)) return unique(change);
  const { add = [], remove = [] } = change;
  const listed = new Set(current.map(key));
  const missing = remove.find((pattern) => !listed.has(key(pattern)));
  if (missing !== undefined)
    throw new ApiError("INVALID_REQUEST", `${JSON.stringify(missing)} is not in ${field}, so it cannot be removed.`);
  const removed = new Set(remove.map(key));
  const list = unique([...current.filter((pattern) => !removed.has(key(pattern))), ...add]);
  if (list.length > LIST_LENGTH)
    throw new ApiError(
      "INVALID_REQUEST",
      `${field} would have ${list.length} patterns, but the limit is ${LIST_LENGTH}.`,
    );
  return list;
}

/** Drops patterns that mean the same as an earlier one. */
function unique(patterns: readonly string[]): string[] {
  const seen = new Map<string, string>();
  for (const pattern of patterns) if (!seen.has(key(pattern))) seen.set(key(pattern), pattern);
  return [...seen.values()];
}

/** A pattern's canonical form. An invalid pattern is rejected later, with its position. */
function key(pattern: string): string {
  try {
    return parsePattern(pattern).text;
  } catch (error) {
    if (error instanceof PatternError) return pattern;
    throw error;
  }
}

/** Marks the position in a list at which a page starts. */
export type Cursor = string;

/** Options of every list. */
export interface ListOptions {
  /** Start here instead of at the beginning: the `nextCursor` of an earlier page. */
  cursor?: Cursor;
  /** Most items per page. */
  limit?: number;
}

/**
 * One page of a list. Iterating over it continues through all following pages, which are fetched as needed.
 *
 * @example
 * ```ts
 * import type { PaginatedList } from "sandkeep";
 *
 * export async function collect<T>(list: PaginatedList<T>): Promise<T[]> {
 *   return await Array.fromAsync(list);
 * }
 * ```
 */
export interface PaginatedList<T> {
  /** The items on this page. */
  items: T[];
  /** Whether another page follows. */
  hasMore: boolean;
  /** Cursor of the next page; null on the last one. */
  nextCursor: Cursor | null;
  /** Fetches the next page; null after the last one. */
  getNextPage(): Promise<PaginatedList<T> | null>;
  /** Iterates over all items from this page on. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T>;
}

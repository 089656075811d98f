/** Marks the place in a list at which its next page begins. */
export type Cursor = string;

/** What every list understands. */
export interface ListOptions {
  /** Begin here instead of at the start: the `nextCursor` of an earlier page. */
  cursor?: Cursor;
  /** Most items of one page. */
  limit?: number;
}

/**
 * One page of a list. Iterating over it goes on through all following pages, which are fetched as they are needed.
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
  /** What is on this page. */
  items: T[];
  /** Whether another page follows. */
  hasMore: boolean;
  /** Where the next page begins; null on the last one. */
  nextCursor: Cursor | null;
  /** The next page; null after the last one. */
  getNextPage(): Promise<PaginatedList<T> | null>;
  /** Every item from this page on. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T>;
}

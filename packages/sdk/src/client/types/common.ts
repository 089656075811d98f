/** Where sandboxes and volumes live: `ord` (Chicago) or `ams` (Amsterdam), by the platform's names. */
export type Region = "ord" | "ams";

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

/** Names a layer. */
export interface LayerRef {
  /** Its id, which never changes. */
  id: string;
  /** Its slug, which people read. */
  slug: string;
}

/** A variable in the environment of an app or a layer. */
export interface EnvVar {
  /** Its id, which never changes. */
  id: string;
  /** Its name. */
  key: string;
  /** Its value; undefined when it is a secret. */
  value: string | undefined;
  /** Whether the value is hidden. */
  secret: boolean;
  /** Where it applies: everywhere, or in the contexts named, such as `["build", "production"]`. */
  contexts: "all" | string[];
}

/** A variable to be made. */
export interface EnvVarInit {
  /** Its name. */
  key: string;
  /** Its value. */
  value: string;
  /** Hide the value from now on. */
  secret?: boolean;
  /** Where it applies: everywhere, or in the contexts named. */
  contexts?: "all" | string[];
}

/** A change of one variable, which is found by `id`, or else by `key`. */
export interface EnvVarUpdate {
  /** Which variable. */
  id?: string;
  /** Which variable, when no id is given; with an id, its new name. */
  key?: string;
  /** Its new value. */
  value?: string;
  /** Hide the value from now on, or show it. */
  secret?: boolean;
  /** Where it applies from now on. */
  contexts?: "all" | string[];
  /** Remove it. */
  delete?: boolean;
}

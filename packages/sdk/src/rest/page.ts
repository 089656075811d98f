import { parseLinkHeader } from "./link-header.ts";
import type { Cursor, PaginatedList } from "./pagination.ts";

/** One page of a list, which the API's `Link` header continues. */
export class Page<T> implements PaginatedList<T> {
  readonly items: T[];
  readonly nextCursor: Cursor | null;
  readonly #fetchPage: (cursor: Cursor) => Promise<PaginatedList<T>>;

  private constructor(items: T[], nextCursor: Cursor | null, fetchPage: (cursor: Cursor) => Promise<PaginatedList<T>>) {
    this.items = items;
    this.nextCursor = nextCursor;
    this.#fetchPage = fetchPage;
  }

  /** The page in a response: `read` picks the items from its JSON, `fetchPage` fetches a later page. */
  static async of<T>(
    response: Response,
    fetchPage: (cursor: Cursor) => Promise<PaginatedList<T>>,
    read: (body: never) => T[] = (body) => body,
  ): Promise<Page<T>> {
    const { next } = parseLinkHeader(response.headers.get("link"));
    const items = read((await response.json()) as never);
    return new Page(items, next ? new URL(next).searchParams.get("cursor") : null, fetchPage);
  }

  get hasMore(): boolean {
    return this.nextCursor !== null;
  }

  async getNextPage(): Promise<PaginatedList<T> | null> {
    return this.nextCursor === null ? null : await this.#fetchPage(this.nextCursor);
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<T> {
    let page: PaginatedList<T> | null = this;
    while (page) {
      yield* page.items;
      page = await page.getNextPage();
    }
  }
}

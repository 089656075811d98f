import { Page } from "../../rest/page.ts";
import type { PaginatedList } from "../../rest/pagination.ts";
import type { Rest } from "../../rest/rest.ts";
import { path } from "../../rest/rest.ts";
import type { Timeline, TimelineListOptions, Timelines } from "../timelines.ts";

/** Timelines over REST. */
export class TimelinesResource implements Timelines {
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  async list(app: string, opts: TimelineListOptions = {}): Promise<PaginatedList<Timeline>> {
    const response = await this.#rest.request("GET", path`/api/v2/apps/${app}/timelines`, { query: { ...opts } });
    return Page.of(response, (next) => this.list(app, { ...opts, cursor: next }));
  }
}

import { Page } from "../../rest/page.ts";
import type { PaginatedList } from "../../rest/pagination.ts";
import type { Rest } from "../../rest/rest.ts";
import { path } from "../../rest/rest.ts";
import { readEvents } from "../../rest/server-sent-events.ts";
import type { RevisionProgress } from "../revision-progress.ts";
import type { BuildLog, BuildLogsOptions, Revision, RevisionListOptions, Revisions } from "../revisions.ts";
import type { Timeline } from "../timelines.ts";

const EVENT_STREAM = { accept: "text/event-stream" };

/** Revisions over REST. */
export class RevisionsResource implements Revisions {
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  get(id: string): Promise<Revision | null> {
    return this.#rest.jsonOrNull("GET", path`/api/v2/revisions/${id}`);
  }

  async list(app: string, opts: RevisionListOptions = {}): Promise<PaginatedList<Omit<Revision, "timelines">>> {
    const response = await this.#rest.request("GET", path`/api/v2/apps/${app}/revisions`, { query: { ...opts } });
    return Page.of(response, (next) => this.list(app, { ...opts, cursor: next }));
  }

  async *progress(id: string): AsyncGenerator<RevisionProgress> {
    yield* readEvents(
      await this.#rest.request("GET", path`/api/v2/revisions/${id}/progress`, { headers: EVENT_STREAM }),
    );
  }

  async *buildLogs(id: string, { step, timeline }: BuildLogsOptions = {}): AsyncGenerator<BuildLog> {
    const query = { step, timeline };
    yield* readEvents(
      await this.#rest.request("GET", path`/api/v2/revisions/${id}/build_logs`, { query, headers: EVENT_STREAM }),
    );
  }

  cancel(id: string): Promise<Revision> {
    return this.#rest.json("POST", path`/api/v2/revisions/${id}/cancel`);
  }

  timelines(id: string): Promise<Timeline[]> {
    return this.#rest.json("GET", path`/api/v2/revisions/${id}/timelines`);
  }

  delete(id: string): Promise<void> {
    return this.#rest.none("DELETE", path`/api/v2/revisions/${id}`);
  }
}

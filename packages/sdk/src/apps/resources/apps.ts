import { labelQuery } from "../../rest/labels.ts";
import { Page } from "../../rest/page.ts";
import type { PaginatedList } from "../../rest/pagination.ts";
import type { Rest } from "../../rest/rest.ts";
import { path } from "../../rest/rest.ts";
import type { App, AppInit, AppListOptions, AppLogsOptions, Apps, AppUpdate, RuntimeLog } from "../apps.ts";
import type { DeployInit, DeployRevision } from "../deploy.ts";

/** Apps over REST. */
export class AppsResource implements Apps {
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  get(idOrSlug: string): Promise<App | null> {
    return this.#rest.jsonOrNull("GET", path`/api/v2/apps/${idOrSlug}`);
  }

  async list(opts: AppListOptions = {}): Promise<PaginatedList<App>> {
    const { limit, cursor, layer, labels } = opts;
    const response = await this.#rest.request("GET", "/api/v2/apps", {
      query: { limit, cursor, layer, ...labelQuery(labels) },
    });
    return Page.of(response, (next) => this.list({ ...opts, cursor: next }));
  }

  create(init: AppInit = {}): Promise<App> {
    return this.#rest.json("POST", "/api/v2/apps", { body: init });
  }

  update(idOrSlug: string, updates: AppUpdate): Promise<App> {
    return this.#rest.json("PATCH", path`/api/v2/apps/${idOrSlug}`, { body: updates });
  }

  delete(idOrSlug: string): Promise<void> {
    return this.#rest.none("DELETE", path`/api/v2/apps/${idOrSlug}`);
  }

  deploy(idOrSlug: string, init: DeployInit): Promise<DeployRevision> {
    return this.#rest.json("POST", path`/api/v2/apps/${idOrSlug}/deploy`, { body: init });
  }

  async logs(idOrSlug: string, opts: AppLogsOptions): Promise<PaginatedList<RuntimeLog>> {
    const response = await this.#rest.request("GET", path`/api/v2/apps/${idOrSlug}/logs`, { query: { ...opts } });
    return Page.of(
      response,
      (next) => this.logs(idOrSlug, { ...opts, cursor: next }),
      (body: { logs: RuntimeLog[] }) => body.logs,
    );
  }
}

import { Page } from "../../rest/page.ts";
import type { PaginatedList } from "../../rest/pagination.ts";
import type { Rest } from "../../rest/rest.ts";
import { path } from "../../rest/rest.ts";
import type {
  Layer,
  LayerAppRef,
  LayerAppsListOptions,
  LayerInit,
  LayerListOptions,
  Layers,
  LayerUpdate,
} from "../layers.ts";

/** Layers over REST. */
export class LayersResource implements Layers {
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  get(idOrSlug: string): Promise<Layer | null> {
    return this.#rest.jsonOrNull("GET", path`/api/v2/layers/${idOrSlug}`);
  }

  async list(opts: LayerListOptions = {}): Promise<PaginatedList<Layer>> {
    const response = await this.#rest.request("GET", "/api/v2/layers", { query: { ...opts } });
    return Page.of(response, (next) => this.list({ ...opts, cursor: next }));
  }

  create(init: LayerInit): Promise<Layer> {
    return this.#rest.json("POST", "/api/v2/layers", { body: init });
  }

  update(idOrSlug: string, updates: LayerUpdate): Promise<Layer> {
    return this.#rest.json("PATCH", path`/api/v2/layers/${idOrSlug}`, { body: updates });
  }

  delete(idOrSlug: string): Promise<void> {
    return this.#rest.none("DELETE", path`/api/v2/layers/${idOrSlug}`);
  }

  async apps(idOrSlug: string, opts: LayerAppsListOptions = {}): Promise<PaginatedList<LayerAppRef>> {
    const response = await this.#rest.request("GET", path`/api/v2/layers/${idOrSlug}/apps`, { query: { ...opts } });
    return Page.of(response, (next) => this.apps(idOrSlug, { ...opts, cursor: next }));
  }
}

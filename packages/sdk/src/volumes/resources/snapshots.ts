import { NetworkError } from "../../errors/connection.ts";
import { Page } from "../../rest/page.ts";
import type { PaginatedList } from "../../rest/pagination.ts";
import type { Rest } from "../../rest/rest.ts";
import { path } from "../../rest/rest.ts";
import type { SnapshotData } from "../calls.ts";
import { getSnapshot } from "../calls.ts";
import type { Snapshot } from "../snapshot.ts";
import { toSnapshot } from "../snapshot.ts";
import type { DeleteOptions, RestoreOptions, SnapshotListOptions } from "../types.ts";
import type { Snapshots } from "../volumes.ts";

/** Snapshots over REST. */
export class SnapshotsResource implements Snapshots {
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  async get(idOrSlug: string): Promise<Snapshot | null> {
    const data = await getSnapshot(this.#rest, idOrSlug);
    return data && toSnapshot(data);
  }

  async list(opts: SnapshotListOptions = {}): Promise<PaginatedList<Snapshot>> {
    const response = await this.#rest.request("GET", "/api/v2/snapshots", { query: { ...opts } });
    return Page.of(
      response,
      (next) => this.list({ ...opts, cursor: next }),
      (items: SnapshotData[]) => items.map(toSnapshot),
    );
  }

  delete(idOrSlug: string, { now = false }: DeleteOptions = {}): Promise<void> {
    return this.#rest.none("DELETE", now ? path`/api/v1/snapshots/${idOrSlug}` : path`/api/v2/snapshots/${idOrSlug}`);
  }

  async export(idOrSlug: string): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#rest.request("GET", path`/api/v1/snapshots/${idOrSlug}/export`);
    if (!body) throw new NetworkError("The server sent no file");
    return body;
  }

  async restore(idOrSlug: string, { slug }: RestoreOptions = {}): Promise<Snapshot> {
    return toSnapshot(await this.#rest.json("POST", path`/api/v1/snapshots/${idOrSlug}/restore`, { body: { slug } }));
  }
}

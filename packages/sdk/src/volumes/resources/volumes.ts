import { Page } from "../../rest/page.ts";
import type { PaginatedList } from "../../rest/pagination.ts";
import type { Rest } from "../../rest/rest.ts";
import { path } from "../../rest/rest.ts";
import type { VolumeData } from "../calls.ts";
import { createVolume, getVolume, snapshotVolume } from "../calls.ts";
import type { Snapshot } from "../snapshot.ts";
import { toSnapshot } from "../snapshot.ts";
import type {
  DeleteOptions,
  DiskContent,
  RestoreOptions,
  SnapshotInit,
  VolumeImportInit,
  VolumeInit,
  VolumeListOptions,
} from "../types.ts";
import type { Volume } from "../volume.ts";
import { toVolume } from "../volume.ts";
import type { Volumes } from "../volumes.ts";

/** Volumes over REST. */
export class VolumesResource implements Volumes {
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  async get(idOrSlug: string): Promise<Volume | null> {
    const data = await getVolume(this.#rest, idOrSlug);
    return data && toVolume(data);
  }

  async list(opts: VolumeListOptions = {}): Promise<PaginatedList<Volume>> {
    const response = await this.#rest.request("GET", "/api/v2/volumes", { query: { ...opts } });
    return Page.of(
      response,
      (next) => this.list({ ...opts, cursor: next }),
      (items: VolumeData[]) => items.map(toVolume),
    );
  }

  async create(init: VolumeInit): Promise<Volume> {
    return toVolume(await createVolume(this.#rest, init));
  }

  delete(idOrSlug: string, { now = false }: DeleteOptions = {}): Promise<void> {
    return this.#rest.none("DELETE", now ? path`/api/v1/volumes/${idOrSlug}` : path`/api/v2/volumes/${idOrSlug}`);
  }

  async grow(idOrSlug: string, capacity: VolumeInit["capacity"]): Promise<Volume> {
    return toVolume(await this.#rest.json("PATCH", path`/api/v1/volumes/${idOrSlug}`, { body: { capacity } }));
  }

  async import(file: DiskContent, { slug, region }: VolumeImportInit): Promise<Volume> {
    const options = { query: { slug, region }, content: file };
    // Its details have all fields of a volume.
    return toVolume(await this.#rest.json("POST", "/api/v1/volumes/import", options));
  }

  async restore(idOrSlug: string, { slug }: RestoreOptions = {}): Promise<Volume> {
    return toVolume(await this.#rest.json("POST", path`/api/v1/volumes/${idOrSlug}/restore`, { body: { slug } }));
  }

  async snapshot(idOrSlug: string, init: SnapshotInit): Promise<Snapshot> {
    return toSnapshot(await snapshotVolume(this.#rest, idOrSlug, init));
  }
}

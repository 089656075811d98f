import type { DiskKind, DiskRecord } from "@sandkeep/store";
import type { Context } from "hono";
import { z } from "zod";
import { findDisk } from "../../../storage/failures.ts";
import type { Env, Services } from "../../env.ts";
import { readQuery } from "../../input/body.ts";
import { pageQuery } from "../../input/page.ts";
import { paged, placeOf } from "../../input/places.ts";

/** Longest text to search for: no slug or id is longer. */
const SEARCH_LENGTH = 64;

export const searchQuery = pageQuery.extend({ search: z.string().max(SEARCH_LENGTH).optional() });
export const detailQuery = searchQuery.extend({ state: z.enum(["ready", "deleted"]).default("ready") });

/** What the routes of volumes and of snapshots have in common. */
export class DiskRoutes {
  readonly #services: Services;
  readonly #kind: DiskKind;

  constructor(services: Services, kind: DiskKind) {
    this.#services = services;
    this.#kind = kind;
  }

  /** A page of them. */
  async list(context: Context<Env>): Promise<DiskRecord[]> {
    const { limit, cursor, search, state } = readQuery(context, detailQuery);
    const disks = await this.#services.storage.disks.list(context.get("principal").organisation.id, this.#kind, {
      state,
      limit: limit + 1,
      ...(search && { search }),
      ...placeOf(cursor),
    });
    return paged(context, this.#services.config, disks, limit);
  }

  /** The one that the path names. */
  async find(context: Context<Env>): Promise<DiskRecord> {
    const organisation = context.get("principal").organisation.id;
    return await findDisk(this.#services.storage.disks, organisation, this.#kind, named(context));
  }
}

/** Id or slug in the path. */
export const named = (context: Context<Env>): string => context.req.param("id") ?? "";

/** Views of several disks, in their order. */
export async function viewed<View>(
  disks: readonly DiskRecord[],
  view: (disk: DiskRecord) => Promise<View>,
): Promise<View[]> {
  return await Promise.all(disks.map(view));
}

import type { ListOptions, PaginatedList } from "../rest/pagination.ts";
import type { AppId, AppSlug } from "./common.ts";

/** A line of an app's revisions, such as production, with the domains that show its newest one. */
export interface Timeline {
  /** Its slug. */
  slug: string;
  /** What tells it from the app's other timelines. */
  partition: Record<string, string>;
  /** The app. */
  app: { id: AppId; slug: AppSlug };
  /** The context that it runs in. */
  context: { slug: string };
  /** Where it is served. */
  domains: { domain: string }[];
}

/** Which timelines to list. */
export interface TimelineListOptions extends ListOptions {}

/**
 * The timelines of apps. Methods reject with `ApiError` and `NetworkError`.
 *
 * @example
 * ```ts ignore
 * import { Client } from "sandkeep";
 *
 * for await (const timeline of await new Client().timelines.list("my-app")) console.log(timeline.slug);
 * ```
 */
export interface Timelines {
  /** The timelines of an app. */
  list(app: AppId | AppSlug, opts?: TimelineListOptions): Promise<PaginatedList<Timeline>>;
}

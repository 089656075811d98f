import type { ListOptions, PaginatedList } from "../rest/pagination.ts";
import type { AppId, AppSlug } from "./common.ts";

/** A sequence of an app's revisions, such as production, and the domains that serve the newest one. */
export interface Timeline {
  /** Its slug. */
  slug: string;
  /** The labels that distinguish it from the app's other timelines. */
  partition: Record<string, string>;
  /** The app. */
  app: { id: AppId; slug: AppSlug };
  /** The context it runs in. */
  context: { slug: string };
  /** The domains that serve it. */
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
  /** Lists the timelines of an app. */
  list(app: AppId | AppSlug, opts?: TimelineListOptions): Promise<PaginatedList<Timeline>>;
}

import { type SqlDriver, type SqlValue, type Statement, sql } from "../driver.ts";
import type { RevisionStore, TimelineRecord } from "./contract.ts";

interface Row {
  app: string;
  app_slug: string;
  organisation: string;
  organisation_slug: string;
  slug: string;
  context: string;
  revision: string;
  previous: string | null;
  since: number;
}

const SELECT = `SELECT t.app, a.slug AS app_slug, a.organisation, o.slug AS organisation_slug, t.slug, t.context, t.revision, t.previous, t.since
  FROM timelines t JOIN apps a ON a.id = t.app JOIN organisations o ON o.id = a.organisation`;

const record = (row: Row): TimelineRecord => ({
  app: { id: row.app, slug: row.app_slug },
  organisation: { id: row.organisation, slug: row.organisation_slug },
  slug: row.slug,
  context: row.context,
  revision: row.revision,
  previous: row.previous,
  since: row.since,
});

export function timelineReads(driver: SqlDriver): Pick<RevisionStore, "timelines" | "allTimelines"> {
  const select = async (rest: string, ...params: SqlValue[]) =>
    (await driver.query<Row>(`${SELECT} ${rest} ORDER BY t.since DESC, t.slug`, params)).map(record);
  return {
    timelines: (of) => ("app" in of ? select("WHERE t.app = ?", of.app) : select("WHERE t.revision = ?", of.revision)),
    allTimelines: () => select(""),
  };
}

/** A timeline leads to a revision from now on; makes it if there is none. */
export function ledBy(
  { app, slug, context, revision }: { app: string; slug: string; context: string; revision: string },
  at: number,
): Statement {
  return sql(
    `INSERT INTO timelines (app, slug, context, revision, previous, since) VALUES (?, ?, ?, ?, NULL, ?)
     ON CONFLICT (app, slug) DO UPDATE SET previous = timelines.revision, revision = excluded.revision, since = excluded.since`,
    app,
    slug,
    context,
    revision,
    at,
  );
}

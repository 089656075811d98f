import type { BuildLog } from "@sandkeep/protocol";
import { mustChange, type SqlDriver, type SqlValue, type Statement, sql } from "../driver.ts";
import type { RevisionRecord, RevisionStore } from "./contract.ts";
import { ledBy, timelineReads } from "./timelines.ts";

interface Row {
  id: string;
  organisation: string;
  app: string;
  owner: string;
  status: RevisionRecord["status"];
  failure_reason: RevisionRecord["failureReason"];
  retention: RevisionRecord["retention"];
  spec: string;
  disk: string | null;
  progress: string;
  created_at: number;
  cancellation_requested_at: number | null;
  build_finished_at: number | null;
  deleted_at: number | null;
}

const COLUMNS =
  "r.id, r.organisation, r.app, r.owner, r.status, r.failure_reason, r.retention, r.spec, r.disk, r.progress, r.created_at, r.cancellation_requested_at, r.build_finished_at, r.deleted_at";
const UNFINISHED = "status IN ('queued', 'building')";
const EXISTS = "EXISTS (SELECT 1 FROM apps a WHERE a.id = r.app)";
/** Rows with their logs that are removed in one write: everybody else waits for it. */
const PIECE = 20;

const record = (row: Row): RevisionRecord => ({
  id: row.id,
  organisation: row.organisation,
  app: row.app,
  owner: row.owner,
  status: row.status,
  failureReason: row.failure_reason,
  retention: row.retention,
  spec: JSON.parse(row.spec) as RevisionRecord["spec"],
  disk: row.disk,
  progress: JSON.parse(row.progress) as RevisionRecord["progress"],
  createdAt: row.created_at,
  cancellationRequestedAt: row.cancellation_requested_at,
  buildFinishedAt: row.build_finished_at,
  deletedAt: row.deleted_at,
});

export function revisionStore(driver: SqlDriver): RevisionStore {
  const select = async (rest: string, ...params: SqlValue[]) =>
    (await driver.query<Row>(`SELECT ${COLUMNS} FROM revisions r ${rest}`, params)).map(record);
  const changed = async (statement: Statement) => ((await driver.write(statement))[0] ?? 0) > 0;
  /** Before its status changes: what has ended says nothing more. */
  const newLines = async (id: string, lines: readonly BuildLog[]): Promise<Statement[]> => {
    const counted = await driver.query<{ count: number }>(
      "SELECT count(*) AS count FROM build_logs WHERE revision = ?",
      [id],
    );
    const { count } = counted[0]!;
    return lines.slice(count).map((line, at) =>
      sql(
        `INSERT INTO build_logs (revision, position, line) SELECT id, ?, ? FROM revisions WHERE id = ? AND ${UNFINISHED}
           ON CONFLICT DO NOTHING`,
        count + at,
        JSON.stringify(line),
        id,
      ),
    );
  };
  /** In pieces. */
  const forget = async (which: string, ...params: SqlValue[]): Promise<void> => {
    const useless = `SELECT r.id FROM revisions r WHERE r.disk IS NULL
      AND NOT EXISTS (SELECT 1 FROM timelines t WHERE t.revision = r.id OR t.previous = r.id) AND ${which}`;
    while (await changed(sql(`DELETE FROM revisions WHERE id IN (${useless})`, ...params)));
  };
  return {
    ...timelineReads(driver),
    async insert(revision) {
      await driver.write(
        mustChange(
          sql(
            `INSERT INTO revisions (id, organisation, app, owner, status, retention, spec, progress, created_at)
             SELECT ?, a.organisation, a.id, ?, ?, ?, ?, ?, ? FROM apps a WHERE a.id = ?`,
            revision.id,
            revision.owner,
            revision.status,
            revision.retention,
            JSON.stringify(revision.spec),
            JSON.stringify(revision.progress),
            revision.createdAt,
            revision.app,
          ),
        ),
      );
    },
    async find(organisation, id) {
      return (await select(`WHERE r.organisation = ? AND r.id = ? AND ${EXISTS}`, organisation, id))[0] ?? null;
    },
    async list(app, { status, limit, after }) {
      const where = ["r.app = ?", "r.deleted_at IS NULL"];
      const params: SqlValue[] = [app];
      if (status) {
        where.push("r.status = ?");
        params.push(status);
      }
      if (after) {
        where.push("(r.created_at < ? OR (r.created_at = ? AND r.id < ?))");
        params.push(after.createdAt, after.createdAt, after.id);
      }
      return await select(
        `WHERE ${where.join(" AND ")} ORDER BY r.created_at DESC, r.id DESC LIMIT ?`,
        ...params,
        limit,
      );
    },
    async setProgress({ id, status, progress, buildLog, disk }) {
      await driver.write(
        ...(await newLines(id, buildLog)),
        mustChange(
          sql(
            `UPDATE revisions SET status = ?, progress = ?, disk = ? WHERE id = ? AND ${UNFINISHED}`,
            status,
            JSON.stringify(progress),
            disk,
            id,
          ),
        ),
      );
    },
    requestCancellation: (id, at) =>
      changed(
        sql(
          `UPDATE revisions SET cancellation_requested_at = coalesce(cancellation_requested_at, ?) WHERE id = ? AND ${UNFINISHED}`,
          at,
          id,
        ),
      ),
    async setRetention(id, retention) {
      await driver.write(sql("UPDATE revisions SET retention = ? WHERE id = ?", retention, id));
    },
    async succeed({ id, app, spec, progress, buildLog }, at) {
      await driver.write(
        ...(await newLines(id, buildLog)),
        mustChange(
          sql(
            `UPDATE revisions SET status = 'succeeded', progress = ?, build_finished_at = ?
             WHERE id = ? AND status = 'building' AND disk IS NOT NULL AND cancellation_requested_at IS NULL
               AND deleted_at IS NULL AND EXISTS (SELECT 1 FROM apps WHERE apps.id = revisions.app)`,
            JSON.stringify(progress),
            at,
            id,
          ),
        ),
        ...spec.targets.map(({ slug, context }) => ledBy({ app, slug, context, revision: id }, at)),
      );
    },
    async fail({ id, progress, buildLog }, reason, at) {
      const changes = await driver.write(
        ...(await newLines(id, buildLog)),
        sql(
          `UPDATE revisions SET status = 'failed', failure_reason = ?, progress = ?, build_finished_at = ?
           WHERE id = ? AND ${UNFINISHED}`,
          reason,
          JSON.stringify(progress),
          at,
          id,
        ),
      );
      return changes.at(-1)! > 0;
    },
    async buildLog(id, after = 0) {
      const rows = await driver.query<{ line: string }>(
        "SELECT line FROM build_logs WHERE revision = ? AND position >= ? ORDER BY position",
        [id, after],
      );
      return rows.map(({ line }) => JSON.parse(line) as BuildLog);
    },
    async lead(app, slug, revision, at) {
      await driver.write(
        mustChange(
          sql(
            `UPDATE timelines SET previous = revision, revision = ?, since = ? WHERE app = ? AND slug = ? AND revision <> ?
             AND EXISTS (SELECT 1 FROM revisions r
               WHERE r.id = ? AND r.app = timelines.app AND r.status = 'succeeded' AND r.deleted_at IS NULL)`,
            revision,
            at,
            app,
            slug,
            revision,
            revision,
          ),
        ),
      );
    },
    async setDeleted(id, at) {
      const [deleted = 0] = await driver.write(
        sql(
          `UPDATE revisions SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL AND NOT (${UNFINISHED})
           AND NOT EXISTS (SELECT 1 FROM timelines t WHERE t.revision = revisions.id AND t.slug = 'production')`,
          at,
          id,
        ),
        sql(
          "DELETE FROM timelines WHERE revision IN (SELECT id FROM revisions WHERE id = ? AND deleted_at IS NOT NULL)",
          id,
        ),
      );
      return deleted > 0;
    },
    async unfinished(owner) {
      return await select(`WHERE r.owner = ? AND r.${UNFINISHED} ORDER BY r.created_at, r.id`, owner);
    },
    async deleteSuperfluous(app, keep, at) {
      const [deleted = 0] = await driver.write(
        sql(
          `UPDATE revisions SET deleted_at = ?
           WHERE app = ? AND status = 'succeeded' AND deleted_at IS NULL AND retention = 'auto'
             AND id NOT IN (SELECT n.id FROM revisions n WHERE n.app = ? AND n.status = 'succeeded' AND n.deleted_at IS NULL
               ORDER BY n.created_at DESC, n.id DESC LIMIT ?)
             AND NOT EXISTS (SELECT 1 FROM timelines t
               WHERE t.slug = 'production' AND (t.revision = revisions.id OR t.previous = revisions.id))`,
          at,
          app,
          app,
          keep,
        ),
        sql(
          "DELETE FROM timelines WHERE app = ? AND revision IN (SELECT id FROM revisions WHERE app = ? AND deleted_at IS NOT NULL)",
          app,
          app,
        ),
      );
      return deleted;
    },
    async withUselessDisk() {
      const rows = await driver.query<{ id: string; organisation: string; slug: string; disk: string }>(
        `SELECT r.id, r.organisation, o.slug, r.disk FROM revisions r JOIN organisations o ON o.id = r.organisation
         WHERE r.disk IS NOT NULL AND (r.status = 'failed' OR r.deleted_at IS NOT NULL) ORDER BY r.id`,
        [],
      );
      return rows.map(({ id, organisation, slug, disk }) => ({ id, organisation: { id: organisation, slug }, disk }));
    },
    async dropDisk(id) {
      await driver.write(
        sql("UPDATE revisions SET disk = NULL WHERE id = ? AND (status = 'failed' OR deleted_at IS NOT NULL)", id),
      );
    },
    async forget(app, keep) {
      await forget(`NOT (r.${UNFINISHED}) AND NOT ${EXISTS} LIMIT ${PIECE}`);
      if (app === null) return;
      const unsuccessful = "(r.status IN ('failed', 'skipped') OR r.deleted_at IS NOT NULL)";
      const rest = `ORDER BY r.created_at DESC, r.id DESC LIMIT ${PIECE} OFFSET ?`;
      await forget(`r.app = ? AND NOT (r.${UNFINISHED}) AND ${unsuccessful} ${rest}`, app, keep);
    },
  };
}

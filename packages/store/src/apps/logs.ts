import { type SqlDriver, type SqlValue, sql } from "../driver.ts";
import type { AppLogRecord, AppLogStore } from "./contract.ts";

/** Text within a line, whatever wildcards it contains. */
const containing = (text: string) => `%${text.replaceAll(/[\\%_]/g, "\\$&")}%`;

export function appLogStore(driver: SqlDriver): AppLogStore {
  return {
    async append(lines) {
      await driver.write(
        ...lines.map(({ app, revision, time, level, message }) =>
          sql(
            "INSERT INTO app_logs (app, revision, time, level, message) SELECT id, ?, ?, ?, ? FROM apps WHERE id = ?",
            revision,
            time,
            level,
            message,
            app,
          ),
        ),
      );
    },
    async list(app, { since, until, levels, revision, text, after, limit }) {
      const where = ["app = ?", "time >= ?"];
      const params: SqlValue[] = [app, since];
      const add = (condition: string, ...values: SqlValue[]) => {
        where.push(condition);
        params.push(...values);
      };
      if (until !== undefined) add("time < ?", until);
      if (levels) add(`level IN (${levels.map(() => "?").join(", ")})`, ...levels);
      if (revision !== undefined) add("revision = ?", revision);
      if (text) add("message LIKE ? ESCAPE '\\'", containing(text));
      if (after) add("(time > ? OR (time = ? AND id > ?))", after.time, after.time, after.id);
      const rows = await driver.query<AppLogRecord>(
        `SELECT id, revision, time, level, message FROM app_logs WHERE ${where.join(" AND ")} ORDER BY time, id LIMIT ?`,
        [...params, limit],
      );
      return rows.map((row) => ({ ...row }));
    },
    async prune(app, keep) {
      const [pruned = 0] = await driver.write(
        sql(
          `DELETE FROM app_logs WHERE app = ? AND id <=
             (SELECT id FROM app_logs WHERE app = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`,
          app,
          app,
          keep,
        ),
      );
      return pruned;
    },
  };
}

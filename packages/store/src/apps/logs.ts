import { type SqlDriver, type SqlValue, sql } from "../driver.ts";
import type { AppLogRecord, AppLogStore } from "./contract.ts";

/** Text within a line, whatever wildcards it contains. Only some databases ignore the case of letters by themselves. */
const containing = (text: string) => `%${text.replaceAll(/[\\%_]/g, "\\$&")}%`;

/** Lines that are deleted in one write: everybody else waits for it. */
const PIECE = 500;

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
      if (text) add("lower(message) LIKE lower(?) ESCAPE '\\'", containing(text));
      if (after) add("(time > ? OR (time = ? AND id > ?))", after.time, after.time, after.id);
      const rows = await driver.query<AppLogRecord>(
        `SELECT id, revision, time, level, message FROM app_logs WHERE ${where.join(" AND ")} ORDER BY time, id LIMIT ?`,
        [...params, limit],
      );
      return rows.map((row) => ({ ...row }));
    },
    async prune(app, { lines, bytes }) {
      const superfluous = sql(
        `DELETE FROM app_logs WHERE id IN (
           SELECT s.id FROM (SELECT id, row_number() OVER newest AS lines, sum(octet_length(message)) OVER newest AS bytes
             FROM app_logs WHERE app = ? WINDOW newest AS (ORDER BY id DESC)) AS s
           WHERE s.lines > ? OR s.bytes > ? LIMIT ${PIECE})`,
        app,
        lines,
        bytes,
      );
      let pruned = 0;
      for (let piece = PIECE; piece === PIECE; pruned += piece) [piece = 0] = await driver.write(superfluous);
      return pruned;
    },
  };
}

import { type Actor, EGRESS_KINDS } from "@sandkeep/protocol";
import type { EventRecord, EventStore } from "./contract.ts";
import { type SqlDriver, type SqlValue, sql } from "./driver.ts";

type Row = Omit<EventRecord, "actor" | "data"> & { actor: string; data: string };

const COLUMNS = "id, time, organisation, sandbox, kind, outcome, actor, data";

/** Events that are removed in one transaction, so that other queries run in between. */
const PRUNED_AT_ONCE = 2_000;

/** As the index on these events has it. */
const EGRESS = EGRESS_KINDS.map((kind) => `'${kind}'`).join(", ");

export function eventStore(driver: SqlDriver): EventStore {
  return {
    async append(events) {
      if (events.length === 0) return;
      await driver.write(
        ...events.map((event) =>
          sql(
            `INSERT INTO events (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
            event.id,
            event.time,
            event.organisation,
            event.sandbox,
            event.kind,
            event.outcome,
            JSON.stringify(event.actor),
            JSON.stringify(event.data),
          ),
        ),
      );
    },
    async list(query) {
      const where = ["organisation = ?"];
      const params: SqlValue[] = [query.organisation];
      const and = (condition: string, ...values: (SqlValue | undefined)[]) => {
        if (values.some((value) => value === undefined)) return;
        where.push(condition);
        params.push(...(values as SqlValue[]));
      };
      and("sandbox = ?", query.sandbox);
      and("time >= ?", query.since);
      and("time < ?", query.until);
      and("id > ?", query.after);
      and("id < ?", query.before);
      if (query.kinds) and(`kind IN (${query.kinds.map(() => "?").join(", ")})`, ...query.kinds);
      const order = query.order === "newest-first" ? "DESC" : "ASC";
      const rows = await driver.query<Row>(
        `SELECT ${COLUMNS} FROM events WHERE ${where.join(" AND ")} ORDER BY id ${order} LIMIT ?`,
        [...params, query.limit],
      );
      return rows.map((row) => ({
        ...row,
        actor: JSON.parse(row.actor) as Actor,
        data: JSON.parse(row.data) as unknown,
      }));
    },
    async prune({ before, keep }) {
      let forgotten = 0;
      // Each organisation separately, with other queries in between: none loses events because of another.
      for (const { id } of await driver.query<{ id: string }>("SELECT id FROM organisations ORDER BY id", [])) {
        forgotten += await pruneOrganisation(driver, id, before, keep);
      }
      return forgotten;
    },
    async pruneEgress(sandbox, keep) {
      const theirs = `sandbox = ? AND kind IN (${EGRESS})`;
      const [removed = 0] = await driver.write(
        sql(
          `DELETE FROM events WHERE ${theirs} AND id <= (SELECT id FROM events WHERE ${theirs} ORDER BY id DESC LIMIT 1 OFFSET ?)`,
          sandbox,
          sandbox,
          keep,
        ),
      );
      return removed;
    },
  };
}

/** Sorts after every id. */
const AFTER_ALL = "\uffff";

async function pruneOrganisation(
  driver: SqlDriver,
  organisation: string,
  before: number,
  keep: number,
): Promise<number> {
  const id = async (rest: string, ...params: SqlValue[]) =>
    (
      await driver.query<{ id: string }>(`SELECT id FROM events WHERE organisation = ? ${rest}`, [
        organisation,
        ...params,
      ])
    )[0]?.id;
  // Ids sort by time, so both bounds are the id of the oldest event that stays. Few events are too old, so the search
  // from the oldest ends quickly.
  const byTime = (await id("AND time >= ? ORDER BY id LIMIT 1", before)) ?? AFTER_ALL;
  const byNumber = (await id("ORDER BY id DESC LIMIT 1 OFFSET ?", keep - 1)) ?? "";
  // biome-ignore lint/complexity/useMathMinMax: ids are strings
  const first = byTime > byNumber ? byTime : byNumber;
  let forgotten = 0;
  for (;;) {
    const [removed = 0] = await driver.write(
      sql(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE organisation = ? AND id < ? ORDER BY id LIMIT ?)",
        organisation,
        first,
        PRUNED_AT_ONCE,
      ),
    );
    forgotten += removed;
    if (removed < PRUNED_AT_ONCE) return forgotten;
  }
}

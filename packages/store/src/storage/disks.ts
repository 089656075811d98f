import { mustChange, type SqlDriver, type SqlValue, sql } from "../driver.ts";
import { attachmentStore } from "./attachments.ts";
import type { DiskKind, DiskRecord, DiskState, DiskStore, DiskUsage } from "./contract.ts";

interface Row {
  id: string;
  kind: DiskKind;
  organisation: string;
  slug: string;
  region: string;
  host: string;
  capacity_bytes: number;
  bootable: number;
  source_id: string | null;
  source_slug: string | null;
  state: DiskState;
  created_at: number;
  deleted_at: number | null;
}

const COLUMNS =
  "d.id, d.kind, d.organisation, d.slug, d.region, d.host, d.capacity_bytes, d.bootable, d.source_id, d.source_slug, d.state, d.created_at, d.deleted_at";

const record = (row: Row): DiskRecord => ({
  id: row.id,
  kind: row.kind,
  organisation: row.organisation,
  slug: row.slug,
  region: row.region,
  host: row.host,
  capacityBytes: row.capacity_bytes,
  bootable: row.bootable === 1,
  source: row.source_id === null || row.source_slug === null ? null : { id: row.source_id, slug: row.source_slug },
  state: row.state,
  createdAt: row.created_at,
  deletedAt: row.deleted_at,
});

/** What is true of revisions that need their disk. */
const IN_REVISION = "r.deleted_at IS NULL AND r.status <> 'failed'";

/** Text within a slug or id, whatever wildcards it contains. */
const containing = (text: string) => `%${text.toLowerCase().replaceAll(/[\\%_]/g, "\\$&")}%`;

export function diskStore(driver: SqlDriver): DiskStore {
  const select = async (rest: string, ...params: SqlValue[]) =>
    (await driver.query<Row>(`SELECT ${COLUMNS} FROM disks d ${rest}`, params)).map(record);
  return {
    async insert(disk, owner, limits, needs = null) {
      await driver.write(
        mustChange(
          sql(
            `INSERT INTO disks (id, kind, organisation, slug, region, host, owner, capacity_bytes, bootable, source_id, source_slug, state, created_at, deleted_at)
             SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'creating', ?, NULL
             WHERE (SELECT count(*) FROM disks WHERE organisation = ? AND kind = ?) < ?
               AND (SELECT coalesce(sum(capacity_bytes), 0) FROM disks WHERE organisation = ?) <= ?
               AND (? IS NULL OR EXISTS (SELECT 1 FROM disks WHERE id = ? AND state = 'ready'))`,
            disk.id,
            disk.kind,
            disk.organisation,
            disk.slug,
            disk.region,
            disk.host,
            owner,
            disk.capacityBytes,
            disk.bootable ? 1 : 0,
            disk.source?.id ?? null,
            disk.source?.slug ?? null,
            disk.createdAt,
            disk.organisation,
            disk.kind,
            limits.number,
            disk.organisation,
            limits.bytes - disk.capacityBytes,
            needs,
            needs,
          ),
        ),
      );
    },
    async setReady(id, { capacityBytes, bootable }, { bytes }) {
      await driver.write(
        mustChange(
          sql(
            `UPDATE disks SET state = 'ready', capacity_bytes = ?, bootable = ? WHERE id = ? AND state = 'creating'
             AND (capacity_bytes >= ?
               OR (SELECT coalesce(sum(o.capacity_bytes), 0) FROM disks o WHERE o.organisation = disks.organisation AND o.id <> disks.id) <= ?)`,
            capacityBytes,
            bootable ? 1 : 0,
            id,
            capacityBytes,
            bytes - capacityBytes,
          ),
        ),
      );
    },
    async setCapacity(id, capacityBytes, { bytes }) {
      await driver.write(
        mustChange(
          sql(
            `UPDATE disks SET capacity_bytes = CASE WHEN capacity_bytes < ? THEN ? ELSE capacity_bytes END
             WHERE id = ? AND state = 'ready'
             AND (SELECT coalesce(sum(o.capacity_bytes), 0) FROM disks o WHERE o.organisation = disks.organisation AND o.id <> disks.id) <= ?`,
            capacityBytes,
            capacityBytes,
            id,
            bytes - capacityBytes,
          ),
        ),
      );
    },
    async correctCapacity(id, reserved, actual) {
      await driver.write(
        sql("UPDATE disks SET capacity_bytes = ? WHERE id = ? AND capacity_bytes = ?", actual, id, reserved),
      );
    },
    async find(organisation, kind, idOrSlug) {
      const where = "WHERE d.organisation = ? AND d.kind = ? AND d.state = 'ready' AND (d.id = ? OR d.slug = ?)";
      return (await select(where, organisation, kind, idOrSlug, idOrSlug))[0] ?? null;
    },
    async findDeleted(organisation, kind, idOrSlug) {
      const where =
        "WHERE d.organisation = ? AND d.kind = ? AND d.state = 'deleted' AND (d.id = ? OR d.slug = ?) ORDER BY d.deleted_at DESC, d.id LIMIT 1";
      return (await select(where, organisation, kind, idOrSlug, idOrSlug))[0] ?? null;
    },
    async list(organisation, kind, { state, search, limit, after }) {
      const where = ["d.organisation = ?", "d.kind = ?", "d.state = ?"];
      const params: SqlValue[] = [organisation, kind, state];
      if (search) {
        where.push("(d.slug LIKE ? ESCAPE '\\' OR d.id LIKE ? ESCAPE '\\')");
        params.push(containing(search), containing(search));
      }
      if (after) {
        where.push("(d.created_at < ? OR (d.created_at = ? AND d.id < ?))");
        params.push(after.createdAt, after.createdAt, after.id);
      }
      return await select(
        `WHERE ${where.join(" AND ")} ORDER BY d.created_at DESC, d.id DESC LIMIT ?`,
        ...params,
        limit,
      );
    },
    async usage(organisation) {
      const [usage] = await driver.query<DiskUsage>(
        `SELECT coalesce(sum(CASE WHEN kind = 'volume' THEN 1 ELSE 0 END), 0) AS volumes,
           coalesce(sum(CASE WHEN kind = 'snapshot' THEN 1 ELSE 0 END), 0) AS snapshots,
           coalesce(sum(capacity_bytes), 0) AS bytes FROM disks WHERE organisation = ?`,
        [organisation],
      );
      return { ...usage! };
    },
    async dependants(id) {
      return await select(
        "WHERE d.kind = 'volume' AND d.source_id = ? AND d.state IN ('creating', 'ready') ORDER BY d.slug",
        id,
      );
    },
    async revisionOn(id) {
      const rows = await driver.query<{ revision: string; app: string }>(
        `SELECT r.id AS revision, a.slug AS app FROM revisions r JOIN apps a ON a.id = r.app WHERE ${IN_REVISION} AND r.disk = ?`,
        [id],
      );
      return rows[0] ? { ...rows[0] } : null;
    },
    async setDeleted(id, at) {
      const [deleted = 0] = await driver.write(
        sql(
          `UPDATE disks SET state = 'deleted', deleted_at = ? WHERE id = ? AND state = 'ready'
           AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.disk = disks.id)
           AND NOT EXISTS (SELECT 1 FROM disks o WHERE o.kind = 'volume' AND o.source_id = disks.id AND o.state IN ('creating', 'ready'))
           AND NOT EXISTS (SELECT 1 FROM revisions r WHERE ${IN_REVISION} AND r.disk = disks.id)`,
          at,
          id,
        ),
      );
      return deleted > 0;
    },
    async restore(id, slug) {
      const [restored = 0] = await driver.write(
        sql(
          "UPDATE disks SET state = 'ready', slug = ?, deleted_at = NULL WHERE id = ? AND state = 'deleted'",
          slug,
          id,
        ),
      );
      return restored > 0;
    },
    async setRemoving(id) {
      const [changed = 0] = await driver.write(
        sql("UPDATE disks SET state = 'removing' WHERE id = ? AND state = 'deleted'", id),
      );
      return changed > 0;
    },
    async remove(id) {
      await driver.write(sql("DELETE FROM disks WHERE id = ?", id));
    },
    async remains(hosts, { owner, createdBefore, deletedBefore }) {
      const rows = await driver.query<Row & { organisation_slug: string }>(
        `SELECT ${COLUMNS}, o.slug AS organisation_slug FROM disks d JOIN organisations o ON o.id = d.organisation
         WHERE d.host IN (${hosts.map(() => "?").join(", ")}) AND (d.state = 'removing'
           OR (d.state = 'creating' AND (d.owner = ? OR d.created_at < ?))
           OR (d.state = 'deleted' AND d.deleted_at < ?)) ORDER BY d.id`,
        [...hosts, owner, createdBefore, deletedBefore],
      );
      return rows.map((row) => ({ ...record(row), organisationSlug: row.organisation_slug }));
    },
    async idsOn(host) {
      return (await driver.query<{ id: string }>("SELECT id FROM disks WHERE host = ?", [host])).map(({ id }) => id);
    },
    async capacitiesOn(host) {
      const rows = await driver.query<{ id: string; capacity_bytes: number }>(
        "SELECT id, capacity_bytes FROM disks WHERE host = ? AND kind = 'volume'",
        [host],
      );
      return new Map(rows.map(({ id, capacity_bytes }) => [id, capacity_bytes]));
    },
    ...attachmentStore(driver),
  };
}

import type { OrganisationRecord, OrganisationStore } from "./contract.ts";
import { type SqlDriver, sql } from "./driver.ts";

const COLUMNS = `id, slug, name, created_at AS "createdAt"`;

export function organisationStore(driver: SqlDriver): OrganisationStore {
  return {
    async insert(record) {
      await driver.write(
        sql(
          "INSERT INTO organisations (id, slug, name, created_at) VALUES (?, ?, ?, ?)",
          record.id,
          record.slug,
          record.name,
          record.createdAt,
        ),
      );
    },
    async findBySlug(slug) {
      const rows = await driver.query<OrganisationRecord>(`SELECT ${COLUMNS} FROM organisations WHERE slug = ?`, [
        slug,
      ]);
      return rows[0] ? { ...rows[0] } : null;
    },
    async list() {
      const rows = await driver.query<OrganisationRecord>(
        `SELECT ${COLUMNS} FROM organisations ORDER BY created_at, id`,
        [],
      );
      return rows.map((row) => ({ ...row }));
    },
  };
}

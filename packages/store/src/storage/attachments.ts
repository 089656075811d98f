import { mustChange, type SqlDriver, type Statement, sql } from "../driver.ts";
import type { AttachedDisk, Attachment, DiskStore } from "./contract.ts";

interface Row {
  sandbox: string;
  disk: string;
  slug: string;
  path: string | null;
  read_only: number;
  exclusive: number;
}

const SELECT =
  "SELECT a.sandbox, a.disk, d.slug, a.path, a.read_only, a.exclusive FROM attachments a JOIN disks d ON d.id = a.disk";

const attached = (row: Row): AttachedDisk => ({
  sandbox: row.sandbox,
  disk: row.disk,
  slug: row.slug,
  path: row.path,
  readOnly: row.read_only === 1,
  exclusive: row.exclusive === 1,
});

/** Records that a running sandbox uses a disk. Changes nothing if either is not there. */
export function attachment(sandbox: string, { disk, path, readOnly, exclusive }: Attachment): Statement {
  return mustChange(
    sql(
      `INSERT INTO attachments (sandbox, disk, path, read_only, exclusive)
       SELECT s.id, d.id, ?, ?, ? FROM sandboxes s, disks d
       WHERE s.id = ? AND s.status = 'running' AND d.id = ? AND d.state = 'ready' AND d.organisation = s.organisation`,
      path,
      readOnly ? 1 : 0,
      exclusive ? 1 : 0,
      sandbox,
      disk,
    ),
  );
}

/** Records that a stopped sandbox uses nothing any more. */
export function release(sandbox: string): Statement {
  return sql(
    "DELETE FROM attachments WHERE sandbox IN (SELECT id FROM sandboxes WHERE id = ? AND status = 'stopped')",
    sandbox,
  );
}

type Attachments = Pick<DiskStore, "attach" | "detach" | "attachedTo" | "attachments">;

export function attachmentStore(driver: SqlDriver): Attachments {
  return {
    async attach(sandbox, one) {
      await driver.write(attachment(sandbox, one));
    },
    async detach(sandbox, disk) {
      await driver.write(sql("DELETE FROM attachments WHERE sandbox = ? AND disk = ?", sandbox, disk));
    },
    async attachedTo(sandbox) {
      return (
        await driver.query<Row>(`${SELECT} WHERE a.sandbox = ? ORDER BY a.path IS NOT NULL, a.path`, [sandbox])
      ).map(attached);
    },
    async attachments(disks) {
      if (disks.length === 0) return [];
      const rows = await driver.query<Row>(
        `${SELECT} WHERE a.disk IN (${disks.map(() => "?").join(", ")}) ORDER BY a.disk, a.sandbox`,
        disks,
      );
      return rows.map(attached);
    },
  };
}

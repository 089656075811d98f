import { mustChange, type SqlDriver, type SqlValue, type Statement, sql } from "../driver.ts";
import type { DoorKind, DoorRecord, DoorStore } from "./contract.ts";

interface Row {
  id: string;
  organisation: string;
  kind: DoorKind;
  name: string;
  sandbox: string | null;
  port: number | null;
  pid: number | null;
  auth: "none" | "token";
  token_hash: string | null;
  token_expires_at: number | null;
  stable: number;
  details: string | null;
  created_at: number;
}

const COLUMNS =
  "d.id, d.organisation, d.kind, d.name, d.sandbox, d.port, d.pid, d.auth, d.token_hash, d.token_expires_at, d.stable, d.details, d.created_at";

const record = (row: Row): DoorRecord => ({
  id: row.id,
  organisation: row.organisation,
  kind: row.kind,
  name: row.name,
  sandbox: row.sandbox,
  port: row.port,
  pid: row.pid,
  auth: row.auth,
  tokenHash: row.token_hash,
  tokenExpiresAt: row.token_expires_at,
  stable: row.stable === 1,
  details: row.details === null ? null : (JSON.parse(row.details) as object),
  createdAt: row.created_at,
});

/** The columns that change, in the order of both statements. */
const changing = (door: DoorRecord): SqlValue[] => [
  door.sandbox,
  door.port,
  door.pid,
  door.auth,
  door.tokenHash,
  door.tokenExpiresAt,
  door.stable ? 1 : 0,
  door.details === null ? null : JSON.stringify(door.details),
  door.createdAt,
];

/** A door may have no sandbox, but not one that has stopped. */
const MAY_EXIST =
  "(? IS NULL OR EXISTS (SELECT 1 FROM sandboxes s WHERE s.id = ? AND s.organisation = ? AND s.status = 'running'))";
const may = ({ sandbox, organisation }: DoorRecord): SqlValue[] => [sandbox, sandbox, organisation];

/** Removes the doors of a stopped sandbox; its organisation keeps the stable names. */
export function closeDoors(sandbox: string): Statement[] {
  const stopped = "sandbox IN (SELECT id FROM sandboxes WHERE id = ? AND status = 'stopped')";
  return [
    sql(`DELETE FROM doors WHERE stable = 0 AND ${stopped}`, sandbox),
    sql(
      `UPDATE doors SET sandbox = NULL, port = NULL, pid = NULL, token_hash = NULL, token_expires_at = NULL
       WHERE ${stopped}`,
      sandbox,
    ),
  ];
}

export function doorStore(driver: SqlDriver): DoorStore {
  const select = async (where: string, ...params: SqlValue[]) =>
    (await driver.query<Row>(`SELECT ${COLUMNS} FROM doors d ${where}`, params)).map(record);
  return {
    async insert(door) {
      await driver.write(
        mustChange(
          sql(
            `INSERT INTO doors (id, organisation, kind, name, sandbox, port, pid, auth, token_hash, token_expires_at, stable, details, created_at)
             SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE ${MAY_EXIST}`,
            door.id,
            door.organisation,
            door.kind,
            door.name,
            ...changing(door),
            ...may(door),
          ),
        ),
      );
    },
    async update(door) {
      await driver.write(
        mustChange(
          sql(
            `UPDATE doors SET sandbox = ?, port = ?, pid = ?, auth = ?, token_hash = ?, token_expires_at = ?, stable = ?, details = ?, created_at = ?
             WHERE id = ? AND ${MAY_EXIST}`,
            ...changing(door),
            door.id,
            ...may(door),
          ),
        ),
      );
    },
    async findByName(name) {
      return (await select("WHERE d.name = ?", name))[0] ?? null;
    },
    async list(organisation) {
      return await select("WHERE d.organisation = ? ORDER BY d.created_at, d.id", organisation);
    },
    async ofSandbox(sandbox) {
      return await select("WHERE d.sandbox = ? ORDER BY d.created_at, d.id", sandbox);
    },
    async ofOwner(owner) {
      return await select("JOIN sandboxes s ON s.id = d.sandbox WHERE s.status = 'running' AND s.owner = ?", owner);
    },
    async remove(id) {
      await driver.write(sql("DELETE FROM doors WHERE id = ?", id));
    },
  };
}

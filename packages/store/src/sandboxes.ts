import type { Labels, OnIdle, StopReason } from "@sandkeep/protocol";
import {
  type KeptEgress,
  type KeptUsage,
  type NetworkRecord,
  NothingChanged,
  type SandboxRecord,
  type SandboxStatus,
  type SandboxStore,
} from "./contract.ts";
import { closeDoors } from "./doors/doors.ts";
import { mustChange, type SqlDriver, type SqlValue, sql } from "./driver.ts";
import { attachment, release } from "./storage/attachments.ts";

interface Row {
  id: string;
  organisation: string;
  region: string;
  status: "running" | "stopped";
  memory_mib: number;
  created_at: number;
  stop_at: number | null;
  stopped_at: number | null;
  stop_reason: StopReason | null;
  paused_at: number | null;
  parent: string | null;
  on_idle: OnIdle;
  idle_ms: number | null;
  labels: string;
  network: string;
}

const COLUMNS =
  "s.id, s.organisation, s.region, s.status, s.memory_mib, s.created_at, s.stop_at, s.stopped_at, s.stop_reason, s.paused_at, s.parent, s.on_idle, s.idle_ms, s.labels, s.network";

const NO_RULES: Pick<NetworkRecord, "deny" | "rules"> = { deny: [], rules: [] };

const record = (row: Row): SandboxRecord => ({
  id: row.id,
  organisation: row.organisation,
  region: row.region,
  status: row.status === "running" && row.paused_at !== null ? "paused" : row.status,
  memoryMiB: row.memory_mib,
  createdAt: row.created_at,
  stopAt: row.stop_at,
  stoppedAt: row.stopped_at,
  stopReason: row.stop_reason,
  pausedAt: row.paused_at,
  parent: row.parent,
  onIdle: row.on_idle,
  idleMs: row.idle_ms,
  labels: JSON.parse(row.labels) as Labels,
  // A record of an earlier version has only two of the four fields.
  network: { ...NO_RULES, ...(JSON.parse(row.network) as NetworkRecord) },
});

/** What the column says of each status: a paused sandbox has not stopped. */
const STATUS: Record<SandboxStatus, string> = {
  running: "s.status = 'running' AND s.paused_at IS NULL",
  paused: "s.status = 'running' AND s.paused_at IS NOT NULL",
  stopped: "s.status = 'stopped'",
};

/**
 * Only for running and paused sandboxes: otherwise a sealed secret could remain.
 *
 * @param egress null: nothing is kept any more
 */
const keepEgress = (owner: string, id: string, egress: KeptEgress | null) =>
  egress === null
    ? [
        sql(
          "DELETE FROM sandbox_egress WHERE sandbox IN (SELECT id FROM sandboxes WHERE id = ? AND owner = ?)",
          id,
          owner,
        ),
      ]
    : [
        sql(
          `INSERT INTO sandbox_egress (sandbox, spec) SELECT id, ? FROM sandboxes WHERE id = ? AND owner = ? AND status = 'running'
           ON CONFLICT (sandbox) DO UPDATE SET spec = excluded.spec`,
          JSON.stringify(egress),
          id,
          owner,
        ),
      ];

export function sandboxStore(driver: SqlDriver): SandboxStore {
  return {
    async insert(sandbox, lease, egress, disks = []) {
      await driver.write(
        sql(
          `INSERT INTO sandboxes (id, organisation, region, status, memory_mib, created_at, stop_at, stopped_at, stop_reason, paused_at, parent, on_idle, idle_ms, labels, network, host, owner, lease_expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          sandbox.id,
          sandbox.organisation,
          sandbox.region,
          sandbox.status === "stopped" ? "stopped" : "running",
          sandbox.memoryMiB,
          sandbox.createdAt,
          sandbox.stopAt,
          sandbox.stoppedAt,
          sandbox.stopReason,
          sandbox.pausedAt,
          sandbox.parent,
          sandbox.onIdle,
          sandbox.idleMs,
          JSON.stringify(sandbox.labels),
          JSON.stringify(sandbox.network),
          lease.host,
          lease.owner,
          lease.expiresAt,
        ),
        ...Object.entries(sandbox.labels).map(([key, value]) =>
          sql("INSERT INTO sandbox_labels (sandbox, key, value) VALUES (?, ?, ?)", sandbox.id, key, value),
        ),
        ...(egress === null ? [] : keepEgress(lease.owner, sandbox.id, egress)),
        ...disks.map((disk) => attachment(sandbox.id, disk)),
      );
    },
    async remove(owner, id) {
      await driver.write(sql("DELETE FROM sandboxes WHERE id = ? AND owner = ?", id, owner));
    },
    async find(organisation, id) {
      const rows = await driver.query<Row>(`SELECT ${COLUMNS} FROM sandboxes s WHERE s.id = ? AND s.organisation = ?`, [
        id,
        organisation,
      ]);
      return rows[0] ? record(rows[0]) : null;
    },
    async list(organisation, { labels = {}, status, limit, after }) {
      const where = ["s.organisation = ?"];
      const params: SqlValue[] = [organisation];
      for (const [key, value] of Object.entries(labels)) {
        where.push("EXISTS (SELECT 1 FROM sandbox_labels l WHERE l.sandbox = s.id AND l.key = ? AND l.value = ?)");
        params.push(key, value);
      }
      if (status) where.push(STATUS[status]);
      if (after) {
        where.push("(s.created_at < ? OR (s.created_at = ? AND s.id < ?))");
        params.push(after.createdAt, after.createdAt, after.id);
      }
      let text = `SELECT ${COLUMNS} FROM sandboxes s WHERE ${where.join(" AND ")} ORDER BY s.created_at DESC, s.id DESC`;
      if (limit !== undefined) {
        text += " LIMIT ?";
        params.push(limit);
      }
      return (await driver.query<Row>(text, params)).map(record);
    },
    async running(owner) {
      const rows = await driver.query<
        Row & {
          slug: string;
          host: string;
          spec: string | null;
          usage: string | null;
          pausing_at: number | null;
        }
      >(
        `SELECT ${COLUMNS}, s.host, s.usage, s.pausing_at, o.slug, e.spec FROM sandboxes s JOIN organisations o ON o.id = s.organisation
         LEFT JOIN sandbox_egress e ON e.sandbox = s.id WHERE s.status = 'running' AND s.owner = ?`,
        [owner],
      );
      return rows.map((row) => ({
        record: record(row),
        slug: row.slug,
        host: row.host,
        egress: row.spec === null ? null : (JSON.parse(row.spec) as KeptEgress),
        usage: row.usage === null ? null : (JSON.parse(row.usage) as KeptUsage),
        pausingAt: row.pausing_at,
      }));
    },
    async idsOn(host) {
      const rows = await driver.query<{ id: string }>(
        "SELECT id FROM sandboxes WHERE status = 'running' AND host = ?",
        [host],
      );
      return rows.map(({ id }) => id);
    },
    async renewLeases(owner, expiresAt) {
      await driver.write(
        sql("UPDATE sandboxes SET lease_expires_at = ? WHERE status = 'running' AND owner = ?", expiresAt, owner),
      );
      const rows = await driver.query<{ id: string }>(
        "SELECT id FROM sandboxes WHERE status = 'running' AND owner = ?",
        [owner],
      );
      return rows.map(({ id }) => id);
    },
    async claimUnowned({ host, owner, expiresAt }) {
      const [claimed = 0] = await driver.write(
        sql(
          "UPDATE sandboxes SET host = ?, owner = ?, lease_expires_at = ? WHERE status = 'running' AND owner IS NULL",
          host,
          owner,
          expiresAt,
        ),
      );
      return claimed;
    },
    async expired(owner, hosts, now) {
      const rows = await driver.query<{ id: string; owner: string; host: string }>(
        `SELECT id, owner, host FROM sandboxes WHERE status = 'running' AND owner <> ? AND lease_expires_at < ?
         AND host IN (${hosts.map(() => "?").join(", ")})`,
        [owner, now, ...hosts],
      );
      return rows.map(({ id, owner, host }) => ({ id, owner, host }));
    },
    async takeOver(from, { host, owner, expiresAt }, now) {
      const [taken = 0] = await driver.write(
        sql(
          `UPDATE sandboxes SET owner = ?, lease_expires_at = ?
           WHERE status = 'running' AND owner = ? AND host = ? AND lease_expires_at < ?`,
          owner,
          expiresAt,
          from,
          host,
          now,
        ),
      );
      return taken;
    },
    async setStopAt(owner, id, stopAt, egress) {
      await driver.write(
        sql("UPDATE sandboxes SET stop_at = ? WHERE id = ? AND owner = ? AND status = 'running'", stopAt, id, owner),
        ...keepEgress(owner, id, egress),
      );
    },
    async setNetwork(owner, id, network, egress) {
      await driver.write(
        sql("UPDATE sandboxes SET network = ? WHERE id = ? AND owner = ?", JSON.stringify(network), id, owner),
        ...keepEgress(owner, id, egress),
      );
    },
    async setPausing(owner, id, at, egress, usage) {
      await driver.write(
        mustChange(
          sql(
            "UPDATE sandboxes SET pausing_at = ?, usage = ? WHERE id = ? AND owner = ? AND status = 'running'",
            at,
            JSON.stringify(usage),
            id,
            owner,
          ),
        ),
        ...keepEgress(owner, id, egress),
      );
    },
    async setNotPaused(owner, id) {
      await driver.write(
        sql("UPDATE sandboxes SET pausing_at = NULL WHERE id = ? AND owner = ? AND status = 'running'", id, owner),
        sql(
          `DELETE FROM sandbox_egress
           WHERE sandbox IN (SELECT id FROM sandboxes WHERE id = ? AND owner = ? AND stop_at IS NULL)`,
          id,
          owner,
        ),
      );
    },
    async setPaused(owner, id, at, usage) {
      const [paused = 0] = await driver.write(
        sql(
          `UPDATE sandboxes SET paused_at = ?, pausing_at = NULL, usage = coalesce(?, usage)
           WHERE id = ? AND owner = ? AND status = 'running' AND (paused_at IS NULL OR pausing_at IS NOT NULL)`,
          at,
          usage && JSON.stringify(usage),
          id,
          owner,
        ),
      );
      return paused > 0;
    },
    async setResumed(owner, id, stopAt, egress) {
      const resumed = mustChange(
        sql(
          `UPDATE sandboxes SET paused_at = NULL, pausing_at = NULL, stop_at = ?
           WHERE id = ? AND owner = ? AND status = 'running' AND paused_at IS NOT NULL`,
          stopAt,
          id,
          owner,
        ),
      );
      try {
        await driver.write(resumed, ...keepEgress(owner, id, egress));
        return true;
      } catch (error) {
        if (error instanceof NothingChanged) return false;
        throw error;
      }
    },
    async setStopped(owner, id, at, reason) {
      const [stopped = 0] = await driver.write(
        sql(
          `UPDATE sandboxes SET status = 'stopped', stopped_at = ?, stop_reason = ?
           WHERE id = ? AND owner = ? AND status = 'running'`,
          at,
          reason,
          id,
          owner,
        ),
        sql(
          "DELETE FROM sandbox_egress WHERE sandbox IN (SELECT id FROM sandboxes WHERE id = ? AND status = 'stopped')",
          id,
        ),
        release(id),
        ...closeDoors(id),
      );
      return stopped > 0;
    },
    async prune(stoppedBefore) {
      const [removed = 0] = await driver.write(sql("DELETE FROM sandboxes WHERE stopped_at < ?", stoppedBefore));
      return removed;
    },
  };
}

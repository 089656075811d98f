import type { AppConfig, Labels } from "@sandkeep/protocol";
import { mustChange, type SqlDriver, type SqlValue, type Statement, sql } from "../driver.ts";
import type { AppRecord, AppStore, EnvVarRecord } from "./contract.ts";
import { layerStore } from "./layers.ts";
import { appLogStore } from "./logs.ts";
import { APP_LAYERS, layersOf, setLayers } from "./references.ts";
import { revisionStore } from "./revisions.ts";

interface Row {
  id: string;
  organisation: string;
  slug: string;
  labels: string;
  env_vars: string;
  config: string;
  created_at: number;
  updated_at: number;
}

const COLUMNS = "a.id, a.organisation, a.slug, a.labels, a.env_vars, a.config, a.created_at, a.updated_at";

export function appStore(driver: SqlDriver): AppStore {
  const select = async (rest: string, ...params: SqlValue[]): Promise<AppRecord[]> => {
    const rows = await driver.query<Row>(`SELECT ${COLUMNS} FROM apps a ${rest}`, params);
    const layers = await layersOf(
      driver,
      APP_LAYERS,
      rows.map(({ id }) => id),
    );
    return rows.map((row) => ({
      id: row.id,
      organisation: row.organisation,
      slug: row.slug,
      labels: JSON.parse(row.labels) as Labels,
      envVars: JSON.parse(row.env_vars) as EnvVarRecord[],
      config: JSON.parse(row.config) as AppConfig,
      layers: layers(row.id),
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }));
  };
  return {
    layers: layerStore(driver),
    revisions: revisionStore(driver),
    logs: appLogStore(driver),
    async insert(app, limit) {
      await driver.write(
        mustChange(
          sql(
            `INSERT INTO apps (id, organisation, slug, labels, env_vars, config, created_at, updated_at)
             SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM apps WHERE organisation = ?) < ?`,
            app.id,
            app.organisation,
            app.slug,
            JSON.stringify(app.labels),
            JSON.stringify(app.envVars),
            JSON.stringify(app.config),
            app.createdAt,
            app.updatedAt,
            app.organisation,
            limit,
          ),
        ),
        ...setLabels(app),
        ...setLayers(APP_LAYERS, app),
      );
    },
    async find(organisation, idOrSlug) {
      const where = "WHERE a.organisation = ? AND (a.id = ? OR a.slug = ?)";
      return (await select(where, organisation, idOrSlug, idOrSlug))[0] ?? null;
    },
    async count(organisation) {
      const rows = await driver.query<{ count: number }>("SELECT count(*) AS count FROM apps WHERE organisation = ?", [
        organisation,
      ]);
      return rows[0]!.count;
    },
    async list(organisation, { labels = {}, layer, limit, after }) {
      const where = ["a.organisation = ?"];
      const params: SqlValue[] = [organisation];
      for (const [key, value] of Object.entries(labels)) {
        where.push("EXISTS (SELECT 1 FROM app_labels t WHERE t.app = a.id AND t.key = ? AND t.value = ?)");
        params.push(key, value);
      }
      if (layer !== undefined) {
        where.push("EXISTS (SELECT 1 FROM app_layers r WHERE r.app = a.id AND r.layer = ?)");
        params.push(layer);
      }
      if (after) {
        where.push("(a.updated_at < ? OR (a.updated_at = ? AND a.id < ?))");
        params.push(after.updatedAt, after.updatedAt, after.id);
      }
      return await select(
        `WHERE ${where.join(" AND ")} ORDER BY a.updated_at DESC, a.id DESC LIMIT ?`,
        ...params,
        limit,
      );
    },
    async update(app, seen) {
      await driver.write(
        mustChange(
          sql(
            "UPDATE apps SET slug = ?, labels = ?, env_vars = ?, config = ?, updated_at = ? WHERE id = ? AND updated_at = ?",
            app.slug,
            JSON.stringify(app.labels),
            JSON.stringify(app.envVars),
            JSON.stringify(app.config),
            app.updatedAt,
            app.id,
            seen,
          ),
        ),
        ...setLabels(app),
        ...setLayers(APP_LAYERS, app),
      );
    },
    async remove(id, at) {
      const [, , removed = 0] = await driver.write(
        sql("UPDATE revisions SET deleted_at = ? WHERE app = ? AND deleted_at IS NULL", at, id),
        sql("DELETE FROM timelines WHERE app = ?", id),
        sql("DELETE FROM apps WHERE id = ?", id),
      );
      return removed > 0;
    },
  };
}

function setLabels({ id, labels }: AppRecord): Statement[] {
  return [
    sql("DELETE FROM app_labels WHERE app = ?", id),
    ...Object.entries(labels).map(([key, value]) =>
      sql("INSERT INTO app_labels (app, key, value) VALUES (?, ?, ?)", id, key, value),
    ),
  ];
}

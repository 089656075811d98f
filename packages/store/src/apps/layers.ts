import { mustChange, type SqlDriver, type SqlValue, sql } from "../driver.ts";
import type { EnvVarRecord, LayerRecord, LayerStore } from "./contract.ts";
import { LAYER_LAYERS, layersOf, mustNest, setLayers } from "./references.ts";

interface Row {
  id: string;
  organisation: string;
  slug: string;
  description: string | null;
  env_vars: string;
  created_at: number;
  updated_at: number;
}

const COLUMNS = "l.id, l.organisation, l.slug, l.description, l.env_vars, l.created_at, l.updated_at";

/** Text within a slug, whatever wildcards it contains. */
const containing = (text: string) => `%${text.toLowerCase().replaceAll(/[\\%_]/g, "\\$&")}%`;

export function layerStore(driver: SqlDriver): LayerStore {
  const select = async (rest: string, ...params: SqlValue[]): Promise<LayerRecord[]> => {
    const rows = await driver.query<Row>(`SELECT ${COLUMNS} FROM layers l ${rest}`, params);
    const layers = await layersOf(
      driver,
      LAYER_LAYERS,
      rows.map(({ id }) => id),
    );
    return rows.map((row) => ({
      id: row.id,
      organisation: row.organisation,
      slug: row.slug,
      description: row.description,
      layers: layers(row.id),
      envVars: JSON.parse(row.env_vars) as EnvVarRecord[],
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }));
  };
  return {
    async insert(layer, limit, depth) {
      await driver.write(
        mustChange(
          sql(
            `INSERT INTO layers (id, organisation, slug, description, env_vars, created_at, updated_at)
             SELECT ?, ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM layers WHERE organisation = ?) < ?`,
            layer.id,
            layer.organisation,
            layer.slug,
            layer.description,
            JSON.stringify(layer.envVars),
            layer.createdAt,
            layer.updatedAt,
            layer.organisation,
            limit,
          ),
        ),
        ...setLayers(LAYER_LAYERS, layer),
        mustNest(layer.id, depth),
      );
    },
    async find(organisation, idOrSlug) {
      const where = "WHERE l.organisation = ? AND (l.id = ? OR l.slug = ?)";
      return (await select(where, organisation, idOrSlug, idOrSlug))[0] ?? null;
    },
    async list(organisation, { search, limit, after }) {
      const where = ["l.organisation = ?"];
      const params: SqlValue[] = [organisation];
      if (search) {
        where.push("l.slug LIKE ? ESCAPE '\\'");
        params.push(containing(search));
      }
      if (after) {
        where.push("(l.updated_at < ? OR (l.updated_at = ? AND l.id < ?))");
        params.push(after.updatedAt, after.updatedAt, after.id);
      }
      return await select(
        `WHERE ${where.join(" AND ")} ORDER BY l.updated_at DESC, l.id DESC LIMIT ?`,
        ...params,
        limit,
      );
    },
    async update(layer, seen, depth) {
      await driver.write(
        mustChange(
          sql(
            "UPDATE layers SET slug = ?, description = ?, env_vars = ?, updated_at = ? WHERE id = ? AND updated_at = ?",
            layer.slug,
            layer.description,
            JSON.stringify(layer.envVars),
            layer.updatedAt,
            layer.id,
            seen,
          ),
        ),
        ...setLayers(LAYER_LAYERS, layer),
        mustNest(layer.id, depth),
      );
    },
    async count(organisation) {
      const rows = await driver.query<{ count: number }>(
        "SELECT count(*) AS count FROM layers WHERE organisation = ?",
        [organisation],
      );
      return rows[0]!.count;
    },
    async inclusions(organisation) {
      const rows = await driver.query<{ layer: string; id: string; slug: string }>(
        `SELECT r.layer, i.id, i.slug FROM layer_layers r JOIN layers i ON i.id = r.included
         WHERE i.organisation = ? ORDER BY r.layer, r.position`,
        [organisation],
      );
      return rows.map((row) => ({ ...row }));
    },
    async remove(id) {
      const [removed = 0] = await driver.write(
        sql(
          `DELETE FROM layers WHERE id = ? AND NOT EXISTS (SELECT 1 FROM app_layers WHERE layer = layers.id)
           AND NOT EXISTS (SELECT 1 FROM layer_layers WHERE included = layers.id)`,
          id,
        ),
      );
      return removed > 0;
    },
    async appCounts(ids) {
      if (ids.length === 0) return new Map();
      const rows = await driver.query<{ layer: string; apps: number }>(
        `SELECT layer, count(*) AS apps FROM app_layers WHERE layer IN (${ids.map(() => "?").join(", ")}) GROUP BY layer`,
        ids,
      );
      return new Map(rows.map(({ layer, apps }) => [layer, apps]));
    },
    async apps(id, { limit, after = "" }) {
      const rows = await driver.query<{ id: string; slug: string; position: number }>(
        `SELECT a.id, a.slug, r.position FROM app_layers r JOIN apps a ON a.id = r.app
         WHERE r.layer = ? AND a.id > ? ORDER BY a.id LIMIT ?`,
        [id, after, limit],
      );
      return rows.map((row) => ({ ...row }));
    },
  };
}

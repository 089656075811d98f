import { mustChange, type SqlDriver, type Statement, sql } from "../driver.ts";
import type { Reference } from "./contract.ts";

/** Which layers an app or a layer has, in order. */
interface Table {
  name: "app_layers" | "layer_layers";
  owner: "app" | "layer";
  layer: "layer" | "included";
}

export const APP_LAYERS: Table = { name: "app_layers", owner: "app", layer: "layer" };
export const LAYER_LAYERS: Table = { name: "layer_layers", owner: "layer", layer: "included" };

/** Replaces them. Changes nothing at all if one of them is not there, or is another organisation's. */
export function setLayers(
  { name, owner, layer }: Table,
  { id, organisation, layers }: { id: string; organisation: string; layers: readonly Reference[] },
): Statement[] {
  return [
    sql(`DELETE FROM ${name} WHERE ${owner} = ?`, id),
    ...layers.map((one, position) =>
      mustChange(
        sql(
          `INSERT INTO ${name} (${owner}, position, ${layer})
           SELECT ?, ${position}, id FROM layers WHERE id = ? AND organisation = ?`,
          id,
          one.id,
          organisation,
        ),
      ),
    ),
  ];
}

/**
 * Changes nothing at all if the layer is in a chain of more layers than `depth`; in a circle, chains are endless. It looks at what
 * the layer includes and at what includes it, at each once for every depth.
 */
export function mustNest(layer: string, depth: number): Statement {
  const reach = (name: string, from: string, to: string) =>
    `${name} (layer, depth) AS (SELECT ?, 0 UNION
       SELECT r.${to}, n.depth + 1 FROM ${name} n JOIN layer_layers r ON r.${from} = n.layer WHERE n.depth < ?)`;
  return mustChange(
    sql(
      `UPDATE layers SET slug = slug WHERE id = ? AND (
         WITH RECURSIVE ${reach("down", "layer", "included")}, ${reach("up", "included", "layer")}
         SELECT (SELECT max(depth) FROM down) + (SELECT max(depth) FROM up)) < ?`,
      layer,
      layer,
      depth,
      layer,
      depth,
      depth,
    ),
  );
}

/** Those of several. */
export async function layersOf(
  driver: SqlDriver,
  { name, owner, layer }: Table,
  ids: readonly string[],
): Promise<(id: string) => Reference[]> {
  const found = new Map<string, Reference[]>();
  if (ids.length > 0) {
    const rows = await driver.query<{ owner: string; id: string; slug: string }>(
      `SELECT r.${owner} AS owner, l.id, l.slug FROM ${name} r JOIN layers l ON l.id = r.${layer}
       WHERE r.${owner} IN (${ids.map(() => "?").join(", ")}) ORDER BY r.${owner}, r.position`,
      ids,
    );
    for (const row of rows) {
      const list = found.get(row.owner) ?? [];
      found.set(row.owner, list);
      list.push({ id: row.id, slug: row.slug });
    }
  }
  return (id) => found.get(id) ?? [];
}

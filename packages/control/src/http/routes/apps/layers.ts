import { layerRequestSchema, layerUpdateSchema } from "@sandkeep/protocol";
import type { LayerRecord } from "@sandkeep/store";
import type { Hono } from "hono";
import { findLayer } from "../../../apps/context.ts";
import { createLayer, deleteLayer, updateLayer } from "../../../apps/layers.ts";
import { layerView } from "../../../apps/views.ts";
import type { Env, Services } from "../../env.ts";
import { readBody, readQuery } from "../../input/body.ts";
import { encodeCursor, nextLink, pageQuery } from "../../input/page.ts";
import { nameOf, paged, updatedPlaceOf, whenUpdated } from "../../input/places.ts";
import { resource } from "../../resource.ts";
import { searchQuery } from "../storage/disks.ts";
import { named } from "./apps.ts";

/** Layers, as the official clients know them (wire-protocol §10.2). */
export function layerRoutes(app: Hono<Env>, { apps, config }: Services): void {
  const get = () => apps.context;
  const views = async (layers: LayerRecord[]) => {
    const counts = await get().store.layers.appCounts(layers.map(({ id }) => id));
    return layers.map((layer) => layerView(layer, counts.get(layer.id) ?? 0));
  };

  resource(app, "/api/v2/layers", {
    GET: async (context) => {
      const { limit, cursor, search } = readQuery(context, searchQuery);
      const records = await get().store.layers.list(context.get("principal").organisation.id, {
        limit: limit + 1,
        ...(search && { search }),
        ...updatedPlaceOf(cursor),
      });
      return context.json(await views(paged(context, config, records, limit, whenUpdated)));
    },
    POST: async (context) => {
      const request = await readBody(context, layerRequestSchema);
      const layer = await createLayer(get(), request, context.get("principal"));
      return context.json((await views([layer]))[0]!, 201);
    },
  });
  resource(app, "/api/v2/layers/:id", {
    GET: async (context) =>
      context.json((await views([await findLayer(get(), named(context), context.get("principal"))]))[0]!),
    PATCH: async (context) => {
      const request = await readBody(context, layerUpdateSchema);
      const layer = await updateLayer(get(), named(context), request, context.get("principal"));
      return context.json((await views([layer]))[0]!);
    },
    DELETE: async (context) => {
      await deleteLayer(get(), named(context), context.get("principal"));
      return context.body(null, 204);
    },
  });
  resource(app, "/api/v2/layers/:id/apps", {
    GET: async (context) => {
      const { limit, cursor } = readQuery(context, pageQuery);
      const { id } = await findLayer(get(), named(context), context.get("principal"));
      const after = nameOf(cursor);
      const found = await get().store.layers.apps(id, { limit: limit + 1, ...(after !== undefined && { after }) });
      const last = found.length > limit ? found[limit - 1] : undefined;
      if (last) context.header("Link", nextLink(context.req.url, config.publicUrl, encodeCursor(last.id)));
      return context.json(
        found.slice(0, limit).map(({ id, slug, position }) => ({ id, slug, layer_position: position })),
      );
    },
  });
}

import { APPS, ApiError, type LayerRequest, type LayerUpdate, newAppId } from "@sandkeep/protocol";
import type { LayerRecord, Reference } from "@sandkeep/store";
import type { Owner } from "../auth/authenticator.ts";
import { type AppsContext, changedAt, findLayer, publish, writeFailure } from "./context.ts";
import { changedEnvVars, keysOf, newEnvVars } from "./env-vars.ts";

/** @throws {ApiError} `SLUG_ALREADY_IN_USE`, `APP_LIMIT`, `LAYER_NOT_FOUND`, `INVALID_REQUEST` */
export async function createLayer(context: AppsContext, request: LayerRequest, owner: Owner): Promise<LayerRecord> {
  const { store, sealer, limits } = context;
  const now = Date.now();
  const layer: LayerRecord = {
    id: newAppId(),
    organisation: owner.organisation.id,
    slug: request.slug,
    description: request.description ?? null,
    layers: await references(context, request.layers ?? [], owner),
    envVars: newEnvVars(request.env_vars ?? [], sealer),
    createdAt: now,
    updatedAt: now,
  };
  await checkNesting(context, layer);
  const limit = limits.layersPerOrganisation;
  await store.layers.insert(layer, limit, APPS.depth).catch(async (error: unknown) => {
    const count = await store.layers.count(layer.organisation);
    throw writeFailure(error, "layer", layer.slug, { limit, count });
  });
  report(context, "layer.created", layer, owner);
  return layer;
}

/** @throws {ApiError} as {@link createLayer} does, and `CHANGED_MEANWHILE` */
export async function updateLayer(
  context: AppsContext,
  idOrSlug: string,
  { slug, description, layers, env_vars }: LayerUpdate,
  owner: Owner,
): Promise<LayerRecord> {
  const before = await findLayer(context, idOrSlug, owner);
  const layer: LayerRecord = {
    ...before,
    slug: slug ?? before.slug,
    description: description === undefined ? before.description : description,
    layers: layers ? await references(context, layers, owner) : before.layers,
    envVars: changedEnvVars(before.envVars, env_vars ?? [], context.sealer),
    updatedAt: changedAt(before),
  };
  await checkNesting(context, layer);
  await context.store.layers.update(layer, before.updatedAt, APPS.depth).catch((error: unknown) => {
    throw writeFailure(error, "layer", layer.slug);
  });
  report(context, "layer.updated", layer, owner);
  return layer;
}

/** @throws {ApiError} `LAYER_NOT_FOUND`, `LAYER_IN_USE` */
export async function deleteLayer(context: AppsContext, idOrSlug: string, owner: Owner): Promise<void> {
  const { id, slug } = await findLayer(context, idOrSlug, owner);
  if (!(await context.store.layers.remove(id))) {
    await findLayer(context, id, owner);
    throw new ApiError("LAYER_IN_USE", `Apps or other layers use the layer ${slug}.`);
  }
  publish(context, owner, { kind: "layer.deleted", outcome: "ok", data: { layer: id, slug } });
}

/** The layers that a client names. @throws {ApiError} `LAYER_NOT_FOUND`, `INVALID_REQUEST` */
export async function references(context: AppsContext, names: readonly string[], owner: Owner): Promise<Reference[]> {
  const found = await Promise.all(names.map((name) => findLayer(context, name, owner)));
  if (new Set(found.map(({ id }) => id)).size < found.length)
    throw new ApiError("INVALID_REQUEST", "A layer is named twice.");
  return found.map(({ id, slug }) => ({ id, slug }));
}

/** All layers that these lead to, those with precedence first, each once. Bounded, whatever is stored. */
export async function allLayers(
  { store }: Pick<AppsContext, "store">,
  organisation: string,
  layers: readonly Reference[],
): Promise<LayerRecord[]> {
  const found = new Map<string, LayerRecord>();
  const visit = async (some: readonly Reference[], depth: number): Promise<void> => {
    if (depth > APPS.depth) return;
    for (const { id } of some) {
      if (found.has(id)) continue;
      const layer = await store.layers.find(organisation, id);
      if (!layer) continue;
      found.set(id, layer);
      await visit(layer.layers, depth + 1);
    }
  };
  await visit(layers, 1);
  return [...found.values()];
}

/**
 * Neither in a circle nor too deep: says why the store would refuse it. One query, and each layer is looked at once for every depth, as
 * layers may be reached in very many ways.
 *
 * @throws {ApiError} `INVALID_REQUEST`
 */
async function checkNesting({ store }: AppsContext, layer: LayerRecord): Promise<void> {
  if (layer.layers.length === 0) return;
  const stored = (await store.layers.inclusions(layer.organisation)).filter((one) => one.layer !== layer.id);
  const includes = Map.groupBy(stored, (one) => one.layer);
  const users = Map.groupBy(stored, ({ id }) => id);
  const above = levels([{ id: layer.id }], ({ id }) => (users.get(id) ?? []).map((one) => ({ id: one.layer })));
  const below = levels(layer.layers, ({ id }) => includes.get(id) ?? []);
  if (below.some((level) => level.some(({ id }) => id === layer.id)))
    throw new ApiError("INVALID_REQUEST", `The layer ${layer.slug} would include itself.`);
  if (above.length + below.length > APPS.depth)
    throw new ApiError(
      "INVALID_REQUEST",
      `Layers include each other more than ${APPS.depth} deep, with ${below.at(-1)?.[0]?.slug}.`,
    );
}

/** What is reached in one step, in two, and so on: at most one step more than is allowed. */
function levels<One extends { id: string }>(first: readonly One[], next: (one: One) => readonly One[]): One[][] {
  const found: One[][] = [];
  for (let level = [...first]; level.length > 0 && found.length <= APPS.depth; ) {
    found.push(level);
    level = [...new Map(level.flatMap(next).map((one) => [one.id, one])).values()];
  }
  return found;
}

function report(context: AppsContext, kind: "layer.created" | "layer.updated", layer: LayerRecord, owner: Owner): void {
  const data = { layer: layer.id, slug: layer.slug, envVars: keysOf(layer.envVars) };
  publish(context, owner, { kind, outcome: "ok", data });
}

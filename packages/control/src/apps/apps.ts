import { ApiError, type AppRequest, type AppUpdate, newAppId, randomText } from "@sandkeep/protocol";
import type { AppRecord } from "@sandkeep/store";
import type { Owner } from "../auth/authenticator.ts";
import { type AppsContext, changedAt, findApp, publish, writeFailure } from "./context.ts";
import { changedEnvVars, keysOf, newEnvVars } from "./env-vars.ts";
import { references } from "./layers.ts";

/** Characters of a name that nobody has chosen, besides its beginning. */
const RANDOM_LENGTH = 12;

/** @throws {ApiError} `SLUG_ALREADY_IN_USE`, `APP_LIMIT`, `LAYER_NOT_FOUND`, `INVALID_REQUEST` */
export async function createApp(context: AppsContext, request: AppRequest, owner: Owner): Promise<AppRecord> {
  const { store, sealer, limits } = context;
  const now = Date.now();
  const app: AppRecord = {
    id: newAppId(),
    organisation: owner.organisation.id,
    slug: request.slug ?? `app-${randomText(RANDOM_LENGTH)}`,
    labels: request.labels ?? {},
    envVars: newEnvVars(request.env_vars ?? [], sealer),
    config: request.config ?? {},
    layers: await references(context, request.layers ?? [], owner),
    createdAt: now,
    updatedAt: now,
  };
  const limit = limits.appsPerOrganisation;
  await named(context, app.slug, () =>
    store.insert(app, limit).catch(async (error: unknown) => {
      const count = await store.count(app.organisation);
      throw writeFailure(error, "app", app.slug, { limit, count });
    }),
  );
  report(context, "app.created", app, owner);
  return app;
}

/** @throws {ApiError} as {@link createApp} does, and `CHANGED_MEANWHILE` */
export async function updateApp(
  context: AppsContext,
  idOrSlug: string,
  { slug, labels, config, layers, env_vars }: AppUpdate,
  owner: Owner,
): Promise<AppRecord> {
  const before = await findApp(context, idOrSlug, owner);
  const app: AppRecord = {
    ...before,
    slug: slug ?? before.slug,
    labels: labels ?? before.labels,
    config: config ?? before.config,
    layers: layers ? await references(context, layers, owner) : before.layers,
    envVars: changedEnvVars(before.envVars, env_vars ?? [], context.sealer),
    updatedAt: changedAt(before),
  };
  const store = () =>
    context.store.update(app, before.updatedAt).catch((error: unknown) => {
      throw writeFailure(error, "app", app.slug);
    });
  await (app.slug === before.slug ? store() : named(context, app.slug, store));
  report(context, "app.updated", app, owner);
  return app;
}

/** Gives an app a name, which is part of a host name. @throws {ApiError} `SLUG_ALREADY_IN_USE` */
async function named({ addresses, names }: AppsContext, slug: string, store: () => Promise<void>): Promise<void> {
  if (!addresses.isFree(slug)) throw new ApiError("SLUG_ALREADY_IN_USE", `The name ${slug} is already taken.`);
  await names.run(slug, store);
}

function report(context: AppsContext, kind: "app.created" | "app.updated", app: AppRecord, owner: Owner): void {
  const data = { app: app.id, slug: app.slug, envVars: keysOf(app.envVars) };
  publish(context, owner, { kind, outcome: "ok", data });
}

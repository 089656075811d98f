import type { KeyedQueue, Logger } from "@sandkeep/common";
import type { Sealer } from "@sandkeep/egress";
import { type Actor, ApiError, type EventBody } from "@sandkeep/protocol";
import { type AppRecord, type AppStore, type LayerRecord, NothingChanged, UniqueViolation } from "@sandkeep/store";
import type { Owner } from "../auth/authenticator.ts";
import type { AppsConfig } from "../config/schema.ts";
import type { Addresses } from "../doors/addresses.ts";
import type { EventBus } from "../events/bus.ts";
import type { Sandboxes } from "../sandboxes/sandboxes.ts";
import type { AppLog } from "./running/app-log.ts";

/** What everything about apps needs from the server. */
export interface AppsContext {
  store: AppStore;
  events: EventBus;
  sealer: Sealer;
  /** Why values that an earlier process sealed can no longer be opened; null if they can. */
  sealedIsLost: string | null;
  addresses: Addresses;
  /** Names of doors and apps are given one after another, by name. */
  names: KeyedQueue;
  limits: AppsConfig;
  log: Logger;
}

/** What running apps needs. */
export interface InstancesContext extends AppsContext {
  sandboxes: Sandboxes;
  appLog: AppLog;
}

export function publish(
  { events }: Pick<AppsContext, "events">,
  { organisation, actor }: { organisation: { id: string; slug: string }; actor: Actor },
  body: EventBody,
  sandbox: string | null = null,
): void {
  events.publish({ organisation, sandbox, actor }, body);
}

/** @throws {ApiError} `APP_NOT_FOUND` */
export async function findApp(
  { store }: Pick<AppsContext, "store">,
  idOrSlug: string,
  { organisation }: Pick<Owner, "organisation">,
): Promise<AppRecord> {
  const app = await store.find(organisation.id, idOrSlug);
  if (!app) throw new ApiError("APP_NOT_FOUND", `There is no app ${shown(idOrSlug)}.`);
  return app;
}

/** @throws {ApiError} `LAYER_NOT_FOUND` */
export async function findLayer(
  { store }: Pick<AppsContext, "store">,
  idOrSlug: string,
  { organisation }: Pick<Owner, "organisation">,
): Promise<LayerRecord> {
  const layer = await store.layers.find(organisation.id, idOrSlug);
  if (!layer) throw new ApiError("LAYER_NOT_FOUND", `There is no layer ${shown(idOrSlug)}.`);
  return layer;
}

/** The time of a change that was made to a record just now: later than the one before, as lists are ordered by it. */
export const changedAt = ({ updatedAt }: { updatedAt: number }) => Math.max(Date.now(), updatedAt + 1);

/** Why an app or a layer could not be stored. */
export function writeFailure(
  error: unknown,
  what: "app" | "layer",
  slug: string,
  { limit, count }: { limit: number; count: number } = { limit: Infinity, count: 0 },
): unknown {
  if (error instanceof UniqueViolation)
    return new ApiError("SLUG_ALREADY_IN_USE", `The name ${slug} is already taken.`, { cause: error });
  if (!(error instanceof NothingChanged)) return error;
  return count >= limit
    ? new ApiError("APP_LIMIT", `The organisation has ${count} ${what}s already; its limit is ${limit}.`)
    : new ApiError("CHANGED_MEANWHILE", undefined, { cause: error });
}

/** What a client called something, for a message. */
export const shown = (name: string) => JSON.stringify(name.slice(0, 64));

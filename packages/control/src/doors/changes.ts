/** Changes of doors by those who own them, also of names that nothing is behind now. */
import { ApiError } from "@sandkeep/protocol";
import { type DoorRecord, NothingChanged } from "@sandkeep/store";
import type { Principal } from "../auth/authenticator.ts";
import type { EventBus } from "../events/bus.ts";
import type { DoorTable } from "./door-table.ts";
import { newDoorToken } from "./names.ts";

export interface DoorChanges {
  table: DoorTable;
  events: EventBus;
}

/** Closes a door, and gives its name back. @throws {ApiError} `DOOR_NOT_FOUND` */
export async function closeDoor({ table, events }: DoorChanges, name: string, principal: Principal): Promise<void> {
  const { id, kind, sandbox } = await table.changes.run(name, async () => {
    const found = await find(table, name, principal);
    await table.store.remove(found.id);
    const live = table.named(name);
    if (live) table.remove(live);
    return found;
  });
  const subject = { organisation: principal.organisation, sandbox, actor: principal.actor };
  events.publish(subject, { kind: "door.closed", outcome: "ok", data: { door: id, kind, why: "closed" } });
}

/**
 * Gives a private door another token, or none. The earlier token ends, and whoever passed with it must leave.
 *
 * @param lifetimeMs null: no token opens the door until there is one again
 * @throws {ApiError} `DOOR_NOT_FOUND`, `INVALID_REQUEST` for a public door
 */
export async function replaceToken(
  { table }: DoorChanges,
  name: string,
  lifetimeMs: number | null,
  principal: Principal,
): Promise<{ record: DoorRecord; token: string | null }> {
  return await table.changes.run(name, async () => {
    const found = await find(table, name, principal);
    if (found.auth === "none" || found.sandbox === null)
      throw new ApiError("INVALID_REQUEST", `The door ${name} is public, or leads nowhere now, so it has no token.`);
    const token = lifetimeMs === null ? null : newDoorToken();
    const record = {
      ...found,
      tokenHash: token?.hash ?? null,
      tokenExpiresAt: lifetimeMs === null ? null : Date.now() + lifetimeMs,
    };
    await table.store.update(record).catch((cause: unknown) => {
      // Its sandbox has ended meanwhile.
      throw cause instanceof NothingChanged ? new ApiError("DOOR_NOT_FOUND", undefined, { cause }) : cause;
    });
    const live = table.named(name);
    if (live) live.record = record;
    return { record, token: token?.token ?? null };
  });
}

async function find(table: DoorTable, name: string, { organisation }: Principal): Promise<DoorRecord> {
  const found = await table.store.findByName(name);
  if (found?.organisation !== organisation.id)
    throw new ApiError("DOOR_NOT_FOUND", "The organisation has no door with this name.");
  return found;
}

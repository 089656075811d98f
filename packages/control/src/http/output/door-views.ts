import type { Door, ExposeAnswer } from "@sandkeep/protocol";
import type { DoorRecord } from "@sandkeep/store";
import type { Addresses } from "../../doors/addresses.ts";
import type { OpenedDoor } from "../../doors/sandbox-doors.ts";
import { authorizedKeys } from "../../doors/ssh/details.ts";

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** The answer to who opens a door, or makes a token for it: the only one with the token. */
export function exposeAnswer(addresses: Addresses, { record, token }: OpenedDoor): ExposeAnswer {
  return {
    domain: addresses.authority(record.name),
    url: addresses.url(record.name, token),
    token,
    tokenExpiresAt: iso(record.tokenExpiresAt),
  };
}

export function doorView(addresses: Addresses, door: DoorRecord): Door {
  const { name, kind, sandbox, port, pid, auth, stable } = door;
  return {
    name,
    kind,
    domain: kind === "http" || kind === "vscode" ? addresses.authority(name) : null,
    sandbox,
    port,
    pid,
    auth: kind === "ssh" && authorizedKeys(door).length > 0 ? "key" : auth,
    tokenExpiresAt: iso(door.tokenExpiresAt),
    stable,
    createdAt: new Date(door.createdAt).toISOString(),
  };
}

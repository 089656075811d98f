import type { SshDoor } from "../contract.ts";
import { MAX_CONNECTIONS_PER_ORGANISATION, MAX_CONNECTIONS_PER_SANDBOX, MAX_LOGINS } from "../limits.ts";
import { network } from "./guesses.ts";

/** A client as those see it who come after it. */
export interface Present {
  readonly remote: string;
  /** Null until it has logged in. */
  readonly door: Pick<SshDoor, "sandboxId" | "organisation"> | null;
  /** Whether it is being sent away. */
  readonly isLeaving: boolean;
}

/** Whether one more client may log in through this door, so that no sandbox and no organisation takes the room of all others. */
export function admits(present: Iterable<Present>, { sandboxId, organisation }: NonNullable<Present["door"]>): boolean {
  let [ofSandbox, ofOrganisation] = [0, 0];
  for (const { door, isLeaving } of present) {
    if (!door || isLeaving) continue;
    if (door.sandboxId === sandboxId) ofSandbox++;
    if (door.organisation === organisation) ofOrganisation++;
  }
  return ofSandbox < MAX_CONNECTIONS_PER_SANDBOX && ofOrganisation < MAX_CONNECTIONS_PER_ORGANISATION;
}

/**
 * Who must leave because too many have connected without logging in: the oldest of the network that most of them are from, so that nobody
 * can drive away others by connecting again and again. Null if there is room.
 *
 * @param present in the order in which they came
 */
export function mustLeave<Client extends Present>(present: Iterable<Client>): Client | null {
  const waiting = [...present].filter(({ door, isLeaving }) => door === null && !isLeaving);
  if (waiting.length <= MAX_LOGINS) return null;
  const networks = Map.groupBy(waiting, ({ remote }) => network(remote));
  const [oldest] = [...networks.values()].reduce((most, each) => (each.length > most.length ? each : most));
  return oldest!;
}

import { ApiError } from "@sandkeep/protocol";
import type { HttpDoor } from "../contract.ts";
import { MAX_OPEN_PER_DOOR } from "./limits.ts";

/** Counts the requests and WebSockets that are open at doors, so that no door, and no organisation, takes the room of all others. */
export class Occupancy {
  readonly #max: number;
  readonly #byDoor = new Map<string, number>();
  readonly #byOrganisation = new Map<string, number>();
  #all = 0;

  /** @param max at all doors together; one organisation may have half of them */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts one until it is disposed. @throws {ApiError} `DOOR_BUSY` */
  enter({ id, organisation }: HttpDoor): Disposable {
    const atDoor = this.#byDoor.get(id) ?? 0;
    const ofOrganisation = this.#byOrganisation.get(organisation) ?? 0;
    if (atDoor >= MAX_OPEN_PER_DOOR || ofOrganisation >= this.#max / 2 || this.#all >= this.#max)
      throw new ApiError("DOOR_BUSY");
    this.#byDoor.set(id, atDoor + 1);
    this.#byOrganisation.set(organisation, ofOrganisation + 1);
    this.#all++;
    return {
      [Symbol.dispose]: () => {
        leave(this.#byDoor, id);
        leave(this.#byOrganisation, organisation);
        this.#all--;
      },
    };
  }
}

function leave(counts: Map<string, number>, key: string): void {
  const left = counts.get(key)! - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

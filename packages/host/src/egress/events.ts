/** Events of egress of a host's machines, for the control plane that each machine belongs to. */
import type { EgressEvent } from "@sandkeep/egress";
import { EgressEventStream } from "./event-stream.ts";

/** Machines that have ended and whose owner is still known: what the proxy saw last may come a little later. */
const REMEMBERED = 1_000;

export class EgressEvents {
  readonly #streams = new Map<string, EgressEventStream>();
  readonly #owners = new Map<string, string>();
  readonly #ended = new Map<string, string>();

  /** An owner's. */
  of(owner: string): EgressEventStream {
    let stream = this.#streams.get(owner);
    if (!stream) this.#streams.set(owner, (stream = new EgressEventStream()));
    return stream;
  }

  /** Whose a machine is from now on. */
  enter(machine: string, owner: string): void {
    this.#owners.set(machine, owner);
  }

  /** The machine has ended. */
  leave(machine: string): void {
    const owner = this.#owners.get(machine);
    if (owner === undefined || !this.#owners.delete(machine)) return;
    this.#ended.set(machine, owner);
    if (this.#ended.size > REMEMBERED) this.#ended.delete(this.#ended.keys().next().value!);
  }

  /** Resolves when the event is acknowledged; at once, if nobody knows the machine. */
  async push(machine: string, event: EgressEvent): Promise<void> {
    const owner = this.#owners.get(machine) ?? this.#ended.get(machine);
    if (owner !== undefined) await this.of(owner).push(machine, event);
  }
}

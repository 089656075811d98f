/** Egress events of a host's machines, for the control plane that owns each machine. */
import type { EgressEvent } from "@sandkeep/egress";
import { EgressEventStream } from "./event-stream.ts";

/** Number of ended machines whose owner is still known: the proxy's last events may arrive a little later. */
const REMEMBERED = 1_000;

export class EgressEvents {
  readonly #streams = new Map<string, EgressEventStream>();
  readonly #owners = new Map<string, string>();
  readonly #ended = new Map<string, string>();

  /** The event stream of an owner. */
  of(owner: string): EgressEventStream {
    let stream = this.#streams.get(owner);
    if (!stream) this.#streams.set(owner, (stream = new EgressEventStream()));
    return stream;
  }

  /** Sets the owner of a machine. */
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

  /** Resolves when the event is acknowledged, or immediately if the machine is unknown. */
  async push(machine: string, event: EgressEvent): Promise<void> {
    const owner = this.#owners.get(machine) ?? this.#ended.get(machine);
    if (owner !== undefined) await this.of(owner).push(machine, event);
  }
}

/** The machines that run on a host. */
import type { RunningMachine } from "./machine.ts";

export class MachineRegistry {
  readonly #machines = new Map<string, RunningMachine>();
  readonly #onEnd: () => void;

  /** @param onEnd called when a machine is gone */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  get size(): number {
    return this.#machines.size;
  }

  get all(): RunningMachine[] {
    return [...this.#machines.values()];
  }

  get(id: string): RunningMachine | undefined {
    return this.#machines.get(id);
  }

  /** Lists a machine until it is gone. */
  add(machine: RunningMachine): void {
    this.#machines.set(machine.id, machine);
    void machine.exited.then(() => {
      if (this.#machines.get(machine.id) === machine) this.#machines.delete(machine.id);
      this.#onEnd();
    });
  }
}

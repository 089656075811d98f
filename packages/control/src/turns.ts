import { Gate } from "@sandkeep/common";

/** Lets a few tasks of each organisation run at the same time, so that others do not wait for one that has many. */
export class Turns {
  readonly #width: number;
  readonly #gates = new Map<string, { gate: Gate; wanted: number }>();

  /** @param width how many of an organisation may run at the same time */
  constructor(width: number) {
    this.#width = width;
  }

  /** Runs a task when its turn has come. Settles as the task does. */
  async run<Result>(organisation: string, task: () => Promise<Result>): Promise<Result> {
    const turns = this.#gates.get(organisation) ?? { gate: new Gate(this.#width), wanted: 0 };
    this.#gates.set(organisation, turns);
    turns.wanted++;
    try {
      return await turns.gate.run(task);
    } finally {
      if (--turns.wanted === 0) this.#gates.delete(organisation);
    }
  }
}

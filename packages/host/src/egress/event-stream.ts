/**
 * Egress events for the control plane. Each is kept until it is acknowledged, so that a reader that disconnects loses
 * none. The proxy learns of the acknowledgement, so that a machine whose events nobody takes has to wait.
 */
import { randomUUID } from "node:crypto";
import type { EgressEvent } from "@sandkeep/egress";
import type { EgressBatch, EgressRecord } from "../contract.ts";

/** Most events in one batch. */
const MAX_BATCH = 256;

interface Pending {
  record: EgressRecord;
  acknowledged(): void;
}

interface Reader {
  /** Not yet delivered to it. */
  fresh: Pending[];
  wake(): void;
}

export class EgressEventStream {
  /** Sequence numbers count from 1 within a stream; every process has its own stream. */
  readonly #id = randomUUID();
  /** By machine, in order. */
  readonly #pending = new Map<string, Pending[]>();
  #sequence = 0;
  #reader: Reader | null = null;

  /** Adds an event. Resolves when it is acknowledged. */
  push(machine: string, event: EgressEvent): Promise<void> {
    return new Promise((acknowledged) => {
      const pending = { record: { machine, sequence: ++this.#sequence, event }, acknowledged };
      const before = this.#pending.get(machine);
      if (before) before.push(pending);
      else this.#pending.set(machine, [pending]);
      this.#reader?.fresh.push(pending);
      this.#reader?.wake();
    });
  }

  /** Acknowledges a machine's events up to this sequence number. Repeating it has no effect. */
  acknowledge(machine: string, sequence: number): void {
    const pending = this.#pending.get(machine) ?? [];
    const next = pending.findIndex(({ record }) => record.sequence > sequence);
    // At once: taking them off one by one would move all others each time.
    for (const { acknowledged } of pending.splice(0, next === -1 ? pending.length : next)) acknowledged();
    if (pending.length === 0) this.#pending.delete(machine);
  }

  /** Unacknowledged events, then new ones. A reader ends when another begins or the signal is aborted. */
  async *read(signal?: AbortSignal): AsyncGenerator<EgressBatch, void, void> {
    this.#reader?.wake();
    const reader: Reader = { fresh: this.#all(), wake() {} };
    this.#reader = reader;
    const stop = () => reader.wake();
    signal?.addEventListener("abort", stop);
    try {
      for (;;) {
        if (reader.fresh.length === 0 && this.#reader === reader && !signal?.aborted)
          await new Promise<void>((wake) => (reader.wake = wake));
        if (this.#reader !== reader || signal?.aborted) return;
        const records = reader.fresh.splice(0, MAX_BATCH).map(({ record }) => record);
        if (records.length > 0) yield { stream: this.#id, records };
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      if (this.#reader === reader) this.#reader = null;
    }
  }

  #all(): Pending[] {
    return [...this.#pending.values()].flat().sort((a, b) => a.record.sequence - b.record.sequence);
  }
}

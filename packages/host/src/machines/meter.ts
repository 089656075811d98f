/**
 * Measures what a machine uses. The kernel counts processor time and memory of its process, unaffected by restarts of
 * the server. Bytes of egress are counted here, from events, and stored in the machine's folder.
 */
import { uptime } from "node:os";
import { join } from "node:path";
import { readOwnFile, writeFileAtomically } from "@sandkeep/common";
import type { EgressEvent } from "@sandkeep/egress";
import { z } from "zod";
import type { MachineUsage, UsageCounters } from "../contract.ts";
import type { Vm } from "../engine/engine.ts";

const FILE = "egress-usage.json";
/** Interval between writes of the counters, milliseconds: the most that is lost if the server is killed. */
const WRITE_INTERVAL_MS = 1_000;

const bytesSchema = z.object({ up: z.number().nonnegative(), down: z.number().nonnegative() });
type Bytes = z.infer<typeof bytesSchema>;

const NOTHING: UsageCounters = { cpuSeconds: 0, memoryMiBSeconds: 0, egressBytesUp: 0, egressBytesDown: 0 };

/** Where counting began; part of a machine's record. */
export const meterStartSchema = z.object({
  /** Usage in earlier machines. */
  before: z.object({
    cpuSeconds: z.number(),
    memoryMiBSeconds: z.number(),
    egressBytesUp: z.number(),
    egressBytesDown: z.number(),
  }),
  /** What its process had used in the warm pool, which is not charged to the sandbox. */
  cpuSeconds: z.number(),
  /** Uptime of the computer at that moment, because the wall clock may be changed. */
  uptimeSeconds: z.number(),
});
export type MeterStart = z.infer<typeof meterStartSchema>;

/** Counts from now on. */
export function startMeter(vm: Vm, before: UsageCounters = NOTHING): MeterStart {
  return { before, cpuSeconds: vm.usage()?.cpuSeconds ?? 0, uptimeSeconds: uptime() };
}

export class Meter {
  readonly #vm: Vm;
  readonly #dir: string;
  readonly #memoryMiB: number;
  readonly #start: MeterStart;
  readonly #egress: Bytes;
  #last: MachineUsage;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #ended = false;

  private constructor(vm: Vm, dir: string, memoryMiB: number, start: MeterStart, egress: Bytes) {
    this.#vm = vm;
    this.#dir = dir;
    this.#memoryMiB = memoryMiB;
    this.#start = start;
    this.#egress = egress;
    this.#last = { ...start.before, memoryBytes: 0 };
  }

  /** The meter of a new machine. */
  static begin(vm: Vm, dir: string, memoryMiB: number, start: MeterStart): Meter {
    return new Meter(vm, dir, memoryMiB, start, { up: 0, down: 0 });
  }

  /** The meter of a machine that was taken over: it continues from the earlier server's counters. */
  static async resume(vm: Vm, dir: string, memoryMiB: number, start: MeterStart): Promise<Meter> {
    // Without them it counts from zero: a machine is worth more than its counters.
    const kept = bytesSchema.safeParse(parse(await readOwnFile(join(dir, FILE)).catch(() => null)));
    return new Meter(vm, dir, memoryMiB, start, kept.data ?? { up: 0, down: 0 });
  }

  /** Usage so far, or until the machine ended. */
  read(): MachineUsage {
    const now = this.#ended ? null : this.#vm.usage();
    const { before, cpuSeconds, uptimeSeconds } = this.#start;
    if (now) {
      this.#last = {
        ...this.#last,
        cpuSeconds: before.cpuSeconds + Math.max(0, now.cpuSeconds - cpuSeconds),
        memoryMiBSeconds: before.memoryMiBSeconds + this.#memoryMiB * Math.max(0, uptime() - uptimeSeconds),
        memoryBytes: now.memoryBytes,
      };
    }
    const { up, down } = this.#egress;
    return { ...this.#last, egressBytesUp: before.egressBytesUp + up, egressBytesDown: before.egressBytesDown + down };
  }

  /** Counts the bytes of an event. */
  count(event: EgressEvent): void {
    if (event.kind === "dns") return;
    this.#egress.up += event.bytesUp;
    this.#egress.down += event.bytesDown;
    if (!this.#ended) this.#timer ??= setTimeout(() => void this.flush(), WRITE_INTERVAL_MS).unref();
  }

  /** Resolves when the counters are in the machine's folder. */
  flush(): Promise<void> {
    // Nothing was counted since the last write.
    if (this.#timer === undefined || this.#ended) return this.#writing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // A full disk costs counters, not the machine.
    return (this.#writing = this.#writing
      .then(() => writeFileAtomically(join(this.#dir, FILE), JSON.stringify(this.#egress), { durable: false }))
      .catch(() => {}));
  }

  /** The machine is about to end: keeps its final usage. Resolves when nothing more is written to its folder. */
  async end(): Promise<void> {
    this.read();
    clearTimeout(this.#timer);
    this.#ended = true;
    await this.#writing;
    this.#last = { ...this.#last, memoryBytes: 0 };
  }
}

function parse(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

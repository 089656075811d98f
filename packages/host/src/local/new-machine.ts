/** Turns a clone that has its identity into a machine of the host. */
import type { EgressSpec } from "@sandkeep/egress";
import type { Clone } from "../machines/clone.ts";
import type { MachineRecord } from "../machines/folder.ts";
import { RunningMachine } from "../machines/machine.ts";
import type { MachineDisks } from "../machines/machine-disks.ts";
import { Meter, type MeterStart } from "../machines/meter.ts";
import type { HostParts } from "./parts.ts";

/** The record of a machine that somebody uses. */
export type AssignedRecord = MachineRecord & { owner: string; meter: MeterStart };

/** Lists the machine, and serves its egress soon. */
export function enterMachine(
  { egress, machines, storage, log }: HostParts,
  { clone, record, disks }: { clone: Clone; record: AssignedRecord; disks: MachineDisks },
  spec: EgressSpec | undefined,
): RunningMachine {
  const meter = Meter.begin(clone.vm, clone.dir, record.memoryMiB, record.meter);
  const machine = new RunningMachine({ record, clone, meter, disks, storage, egress, log });
  if (egress && spec) giveEgress(machine, spec, log);
  machines.add(machine);
  return machine;
}

/**
 * Not awaited: until the proxy serves the machine, its traffic waits and nothing leaves. And only in the next turn, so
 * that the client is answered first: linking the socket may wait for the disk, and the proxy and the guest's agent
 * then need the processors.
 */
function giveEgress(machine: RunningMachine, spec: EgressSpec, log: HostParts["log"]): void {
  setImmediate(() => {
    // Its owner may have changed the policy meanwhile.
    if (machine.hasEgress) return;
    machine
      .setEgress(spec)
      .catch((error: Error) => log.error({ sandbox: machine.id, error: error.message }, "no egress"));
  });
}

import type { EgressLog } from "../events/egress-log.ts";
import type { Hosts } from "../hosts.ts";
import type { SandboxServices } from "./sandbox.ts";
import type { SandboxLeases } from "./sandbox-leases.ts";

/** What all sandboxes together need of the server. */
export interface SandboxesOptions extends SandboxServices {
  hosts: Hosts;
  leases: SandboxLeases;
  egressLog: EgressLog;
  region: string;
  /** Whether values that a former process sealed can be opened; null: they can. Else why not. */
  sealedIsLost: string | null;
}

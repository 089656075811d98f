import type { EgressLog } from "../events/egress-log.ts";
import type { Hosts } from "../hosts.ts";
import type { Sandbox } from "./sandbox.ts";
import type { SandboxLeases } from "./sandbox-leases.ts";
import type { SandboxServices } from "./services.ts";

/** What sandboxes as a whole need from the server. */
export interface SandboxesOptions extends Omit<SandboxServices<Sandbox>, "pauseInstead" | "isClosing"> {
  hosts: Hosts;
  leases: SandboxLeases;
  egressLog: EgressLog;
  region: string;
  /** Whether sandboxes can be opened to SSH. */
  offersSsh: boolean;
  /** Why values that an earlier process sealed can no longer be opened; null if they can. */
  sealedIsLost: string | null;
}

/** The same, with what they do for each other. */
export type SandboxesContext = SandboxesOptions & SandboxServices<Sandbox>;

import type { Logger } from "@sandkeep/common";
import type { Sealer } from "@sandkeep/egress";
import type { SandboxStore } from "@sandkeep/store";
import type { Limits } from "../config/schema.ts";
import type { DoorTable } from "../doors/door-table.ts";
import type { EventBus } from "../events/bus.ts";
import type { StorageContext } from "../storage/context.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Inflow } from "./inflow.ts";
import type { Stop } from "./stop.ts";

/** What every sandbox needs from the server. The parameter keeps this file from importing the class that imports it. */
export interface SandboxServices<Sandbox> {
  /** Id of this control plane. */
  owner: string;
  store: SandboxStore;
  doors: DoorTable;
  storage: StorageContext;
  events: EventBus;
  heartbeat: Heartbeat;
  inflow: Inflow;
  limits: Limits;
  sealer: Sealer;
  log: Logger;
  /**
   * Pauses a sandbox that would end otherwise. Ends it if that is impossible; a server that is stopping leaves it to the next
   * start if it only fails. Never rejects.
   */
  pauseInstead(sandbox: Sandbox, stop: Stop): Promise<void>;
  /** Whether the server is stopping. */
  isClosing(): boolean;
}

import type { Logger } from "@sandkeep/common";
import type { HostEgress } from "../egress/host-egress.ts";
import type { Engine } from "../engine/engine.ts";
import type { MachineRegistry } from "../machines/registry.ts";
import type { Pools } from "../pool/pools.ts";

/** What the duties of a host share. */
export interface HostParts {
  engine: Engine;
  /** Folder of all machines. */
  runDir: string;
  pools: Pools;
  machines: MachineRegistry;
  /** Null: nothing gets out. */
  egress: HostEgress | null;
  /** What machines trust besides their image's authorities, PEM. */
  caCertificates: string[];
  log: Logger;
}

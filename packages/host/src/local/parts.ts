import type { Logger } from "@sandkeep/common";
import type { HostEgress } from "../egress/host-egress.ts";
import type { Engine } from "../engine/engine.ts";
import type { MachineRegistry } from "../machines/registry.ts";
import type { Pools } from "../pool/pools.ts";
import type { LocalStorage } from "../storage/local-storage.ts";
import type { TemplateStore } from "../templates/store.ts";

/** What the parts of a host share. */
export interface HostParts {
  engine: Engine;
  /** Folder of all machines. */
  runDir: string;
  templates: TemplateStore;
  pools: Pools;
  machines: MachineRegistry;
  storage: LocalStorage;
  /** Null: machines can reach nothing. */
  egress: HostEgress | null;
  /** Authorities that machines trust besides their image's, PEM. */
  caCertificates: string[];
  log: Logger;
}

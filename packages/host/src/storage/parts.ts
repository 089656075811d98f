/** What work on all disks needs of the storage. */
import type { JailKind } from "@sandkeep/jail";
import type { Catalogue } from "./catalogue.ts";
import type { Layers } from "./layers.ts";

export interface StorageParts {
  catalogue: Catalogue;
  layers: Layers;
  jail: JailKind;
  /** Whether a machine has a volume. */
  isHeld(id: string): boolean;
  /** Whether it can write to it, too. */
  isWritten(id: string): boolean;
  /** Does something while no machine can get or lose a disk. */
  exclusively<Result>(id: string, task: () => Promise<Result>): Promise<Result>;
}

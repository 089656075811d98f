import type { Logger } from "@sandkeep/common";
import type { JailKind } from "@sandkeep/jail";

export interface LocalStorageOptions {
  dir: string;
  /** Id of the image that `null` stands for. */
  defaultImage: string;
  /** Path of an image's disk; undefined if there is no such image. */
  findImageDisk(id: string): Promise<string | undefined>;
  /** Called when a disk is removed, before its files are. */
  onRemoval?: (id: string) => Promise<void>;
  jail: JailKind;
  log: Logger;
}

import type { Logger } from "@sandkeep/common";
import type { EgressConfig } from "@sandkeep/egress";
import type { JailKind } from "@sandkeep/jail";
import type { FindImage, RootImage } from "../roots.ts";

export interface HostOptions {
  /** Folder for machines and what they need. Only one process at a time may use it. */
  dataDir: string;
  /** Folder of templates, which hosts may share; default: one in `dataDir`. */
  templatesDir?: string;
  /** Root of machines whose spec names none. Its agent also runs on the host, to measure a value for guests. */
  image: RootImage & { agent: string };
  /** Finds other images that specs may name; default: none. */
  findImage?: FindImage;
  log: Logger;
  /** Memory for the warm pool, in MiB; default: an eighth of all memory. */
  aheadMemoryMiB?: number;
  /**
   * Disk space for templates of other roots and memory sizes than the usual ones, in MiB; what was not used for longest is
   * removed first. Default: 4 GiB.
   */
  templatesMiB?: number;
  /**
   * Egress: the proxy's folder (its CA, its key for sealed secrets) and settings. Without it, machines can reach
   * nothing.
   */
  egress?: { dir: string; config: EgressConfig };
  /** Default `auto`: KVM if it works, otherwise emulation. */
  accelerator?: "auto" | "kvm" | "tcg";
  /** Default `full`. `minimal` is for computers where no namespaces can be created, and must be chosen explicitly. */
  jail?: JailKind;
}

import type { Logger } from "@sandkeep/common";
import type { EgressConfig } from "@sandkeep/egress";
import type { JailKind } from "../engine/qemu/jail/jail.ts";
import type { FindImage, RootImage } from "../roots.ts";

export interface HostOptions {
  /** Folder for machines and what they need. One process at a time uses it. */
  dataDir: string;
  /** Folder of templates, which hosts may share; default one in `dataDir`. */
  templatesDir?: string;
  /** The root of machines whose spec names none. Its agent also runs on the host: it measures what guests must be told. */
  image: RootImage & { agent: string };
  /** Finds the images that specs may name besides; default none. */
  findImage?: FindImage;
  log: Logger;
  /** Memory for the warm pool, in MiB; default an eighth of all memory. */
  aheadMemoryMiB?: number;
  /** What lets machines out: the proxy's folder (its CA, its key of sealed secrets) and settings. Absent: nothing gets out. */
  egress?: { dir: string; config: EgressConfig };
  /** Default `auto`: KVM if it works, else emulation. */
  accelerator?: "auto" | "kvm" | "tcg";
  /** Default `full`; `minimal` is for where no namespaces can be made, and is never chosen by itself. */
  jail?: JailKind;
}

import { z } from "zod";

/** Names of the files of an image, in its directory. */
export const IMAGE_FILES = {
  rootDisk: "root.qcow2",
  kernel: "vmlinux",
  initramfs: "initramfs.cpio",
  agent: "agent",
} as const;
/** Debian's kernel, in images that have no unpacked one. */
export const PACKED_KERNEL = "vmlinuz";
/** Manifest of the image; written last. */
export const MANIFEST_FILE = "manifest.json";
/** Directory of the initramfs's kernel modules, kept so that the initramfs can be rebuilt for another agent. */
export const MODULES_DIR = "modules";

const fileSchema = z.object({ bytes: z.number(), sha256: z.string() });

export const manifestSchema = z.object({
  format: z.literal(1),
  /** `<recipe>-<16 hexadecimal digits>`, from the digests of the files. */
  id: z.string().regex(/^[a-z0-9.-]+$/),
  recipe: z.string(),
  /** ISO 8601. */
  created: z.string(),
  /** What the image was made from: the digest of recipe and builder, and the digest of the agent. */
  inputs: z.object({ root: z.string(), agent: z.string() }),
  /** As printed by `uname -r` in the guest. */
  kernelRelease: z.string(),
  /** Debian's packages, and npm's with the architecture `npm`. */
  packages: z.array(z.object({ name: z.string(), version: z.string(), architecture: z.string() })),
  /** Size of the root disk as the guest sees it. */
  diskBytes: z.number(),
  files: z.record(z.string(), fileSchema),
});

/** Everything about an image except its bytes. */
export type Manifest = z.infer<typeof manifestSchema>;

/** Name of the image's kernel: an earlier version did not unpack it. */
export function kernelFile({ files }: Pick<Manifest, "files">): string {
  return files[IMAGE_FILES.kernel] ? IMAGE_FILES.kernel : PACKED_KERNEL;
}

/** A guest image: what a machine boots from. All paths are absolute; the files never change. */
export interface Image {
  readonly id: string;
  /** qcow2 with an ext4 file system, no partitions. Use it only as a backing file. */
  readonly rootDisk: string;
  readonly kernel: string;
  readonly initramfs: string;
  /** The agent's binary, to run on the host: it measures a value for the guest's kernel command line. */
  readonly agent: string;
  /** Size of the root disk as the guest sees it. */
  readonly diskBytes: number;
  readonly manifest: Manifest;
}

/** Progress of a build. */
export interface ImageProgress {
  step: "prepare" | "download" | "install" | "configure" | "disk" | "boot" | "publish";
  /** Of the whole build, from 0 to 1; never decreases. */
  fraction: number;
  /** For people, such as `Unpacking git`. */
  message: string;
}

/** A build failed. The message says what is missing or what went wrong, and ends with the failed tool's last lines. */
export class ImageError extends Error {
  override name = "ImageError";
  /** Exit code of the failed tool, if any. */
  readonly exitCode: number | undefined;

  constructor(message: string, options: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = options.exitCode;
  }
}

/** FOR TESTS ONLY: a root without files. */
import type { Root } from "../../roots.ts";

export function fakeRoot(
  id = "debian",
  kind: "image" | "snapshot" = "image",
): Root & { disk: NonNullable<Root["disk"]> } {
  return {
    id,
    kind,
    boot: { kernel: "vmlinux", initramfs: "initramfs" },
    disk: { layers: [`${id}.qcow2`], capacityBytes: 1024 ** 3 },
  };
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DiskSpec, MachineSpec } from "../contract.ts";
import { SLOTS } from "../engine/engine.ts";
import { checkSpec } from "./check-spec.ts";

const spec: MachineSpec = { id: "sbx_1", owner: "cp_1", memoryMiB: 1_280, env: {}, keep: false };
const disk: DiskSpec = { id: "data", volume: "vol_1", readOnly: false, mount: "/data" };
const refused = (wrong: unknown, what: RegExp) =>
  assert.throws(() => checkSpec(wrong as MachineSpec), { name: "SpecError", code: "INVALID_SPEC", message: what });

describe("a machine's spec", () => {
  test("may name a root, disks and what was used before", () => {
    checkSpec(spec);
    checkSpec({
      ...spec,
      root: { image: "debian-13-0123456789abcdef" },
      disks: Array.from({ length: SLOTS }, (_, n) => ({
        ...disk,
        id: `d${n}`,
        volume: `vol_${n}`,
        mount: `/mnt/d${n}`,
      })),
      usage: { cpuSeconds: 1.5, memoryMiBSeconds: 0, egressBytesUp: 0, egressBytesDown: 7 },
    });
  });

  test("is refused with the part that is wrong", () => {
    refused({ ...spec, memoryMiB: 767 }, /memoryMiB/);
    refused({ ...spec, memoryMiB: 1_280.5 }, /memoryMiB/);
    refused({ ...spec, owner: "" }, /owner/);
    refused({ ...spec, keep: "yes" }, /keep/);
    refused({ ...spec, usage: { cpuSeconds: -1, memoryMiBSeconds: 0, egressBytesUp: 0, egressBytesDown: 0 } }, /usage/);
  });

  test("names a root by id, never by path", () => {
    for (const image of ["../other", "/etc", "a/b", "", ".hidden", "x".repeat(129)])
      refused({ ...spec, root: { image } }, /root/);
    for (const snapshot of ["../other", "/etc", "", ".hidden", "a b", "x".repeat(129)])
      refused({ ...spec, root: { snapshot } }, /root/);
    refused({ ...spec, root: { image: "debian", snapshot: "snap" } }, /root/);
    refused({ ...spec, root: {} }, /root/);
    checkSpec({ ...spec, root: { snapshot: "snp_ord_0123" } });
  });

  test("has no two disks of the same name or place, and none where the system's own are", () => {
    refused({ ...spec, disks: [disk, { ...disk, mount: "/other" }] }, /disks\.1\.id/);
    refused({ ...spec, disks: [disk, { ...disk, id: "other" }] }, /disks\.1\.mount/);
    refused({ ...spec, disks: [disk, { ...disk, id: "other", mount: "/other" }] }, /disks\.1\.volume/);
    refused({ ...spec, disks: [{ ...disk, id: "a".repeat(21) }] }, /disks\.0\.id/);
    refused(
      { ...spec, disks: Array.from({ length: 9 }, (_, n) => ({ ...disk, id: `d${n}`, mount: `/d${n}` })) },
      /disks/,
    );
    for (const mount of ["data", "/", "/a/../b", "/a//b", "/a/", "/proc", "/dev/shm", "/a\0b", `/${"x".repeat(255)}`])
      refused({ ...spec, disks: [{ ...disk, mount }] }, /disks\.0\.mount/);
  });
});

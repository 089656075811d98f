import assert from "node:assert/strict";
import { test } from "node:test";
import { qemuArguments, ramMiB } from "./command.ts";

test("2 GiB are given as a little more, because with exactly as much the guest dies at once", () => {
  assert.equal(ramMiB(2_048), 2_049);
  for (const size of [768, 1_280, 2_047, 2_049, 4_096]) assert.equal(ramMiB(size), size);
});

test("emulated machines have no interval timer, which would wake them all the time", () => {
  const machine = (accelerator: "kvm" | "tcg") =>
    qemuArguments({
      name: "machine",
      accelerator,
      size: { memoryMiB: 1_280, vcpus: 2 },
      kernel: "",
      kernelCommandLine: "",
      initramfs: "",
      rootLayers: [],
      memory: { path: "", shared: false },
      incoming: false,
    }).find((argument) => argument.startsWith("microvm,"));
  assert.match(machine("tcg") ?? "", /,pit=off,/);
  assert.match(machine("kvm") ?? "", /,pit=auto,/);
});

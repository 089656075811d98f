/** The engines of this computer: QEMU with emulation, and with KVM if that works. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ensureImage } from "@sandkeep/host";
import { createFolder, createQemu, type EngineFixture, engineSuite } from "@sandkeep/host/testing";
import { imagesDir } from "../harness/server.ts";

async function openQemu(accelerator: "auto" | "kvm" | "tcg"): Promise<EngineFixture> {
  const dir = await mkdtemp(join(tmpdir(), "sk-engine-"));
  const runDir = join(dir, "run");
  await mkdir(runDir, { mode: 0o700 });
  const { id, agent, kernel, initramfs, rootDisk, diskBytes } = await ensureImage({ dataDir: imagesDir() });
  const boot = { kernel, initramfs };
  const engine = await createQemu({
    host: "test",
    boot,
    imageId: id,
    agent,
    accelerator,
    verdicts: join(imagesDir(), "acceleration.json"),
    frequencies: [join(dir, "tsc-khz")],
    newFolder: () => createFolder(runDir),
  });
  return {
    engine,
    boot,
    root: { layers: [rootDisk], capacityBytes: diskBytes },
    runDir,
    templatesDir: join(dir, "templates"),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

engineSuite("QEMU with emulation", () => openQemu("tcg"));

// Uses the same verdict as servers on this computer.
const probe = await openQemu("auto");
const { kind, reason } = probe.engine.acceleration;
await probe[Symbol.asyncDispose]();
if (kind === "kvm") engineSuite("QEMU with KVM", () => openQemu("kvm"));
else test("the engine QEMU with KVM", { skip: `no usable KVM here: ${reason}` }, () => {});

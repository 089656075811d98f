/** Sets up the QEMU engine for a host: finds the program, its version and the acceleration that works. */
import { execFile } from "node:child_process";
import { release } from "node:os";
import { promisify } from "node:util";
import type { JailKind } from "@sandkeep/jail";
import { connectGuest, discard } from "../../machines/clone.ts";
import { removeFolder } from "../../machines/folder.ts";
import type { Acceleration, BootFiles } from "../engine.ts";
import { proveAcceleration } from "./acceleration.ts";
import { Qemu } from "./qemu.ts";
import { tscFrequencyKHz } from "./tsc.ts";

const BINARY = "qemu-system-x86_64";
/** The first QEMU that supports file-backed memory that is private, writable and read-only on disk at once. */
const MINIMUM_VERSION = [8, 2] as const;

const run = promisify(execFile);

export interface CreateQemuOptions {
  /** The host's id, by which what it was starting is found later. */
  host: string;
  boot: BootFiles;
  imageId: string;
  /** The agent's binary, to run on the host. */
  agent: string;
  /** File with the verdict on KVM. */
  verdicts: string;
  /** Files with the frequency of the time stamp counter; the first one counts. */
  frequencies: readonly string[];
  newFolder(): string;
  /** Default `full`. */
  jail?: JailKind;
  /** Default `auto`: KVM if it works. */
  accelerator?: "auto" | "kvm" | "tcg";
}

/** @throws if QEMU is missing or too old, with how to repair it */
export async function createQemu(options: CreateQemuOptions): Promise<Qemu> {
  const versions = { qemu: await qemuVersion(), kernel: release(), image: options.imageId };
  const engine = async (acceleration: Acceleration) => {
    const tscKHz = acceleration.kind === "kvm" ? null : await tscFrequencyKHz(options.agent, options.frequencies);
    return new Qemu({
      host: options.host,
      binary: BINARY,
      agent: options.agent,
      acceleration,
      jail: options.jail ?? "full",
      versions,
      tscKHz,
    });
  };
  const wanted = options.accelerator ?? "auto";
  if (wanted !== "auto") return engine({ kind: wanted, reason: "configured" });
  return engine(
    await proveAcceleration({
      cache: options.verdicts,
      versions,
      boot: async (kind, timeoutMs) => bootOnce(await engine({ kind, reason: "being proven" }), options, timeoutMs),
    }),
  );
}

/** QEMU's version, such as `10.0.2`. @throws if it is missing or too old */
export async function qemuVersion(): Promise<string> {
  const { stdout } = await run(BINARY, ["--version"]).catch(() => {
    throw new Error(`${BINARY} is not installed. Install it with: apt-get install qemu-system-x86 qemu-utils`);
  });
  const version = /version (\d+)\.(\d+)[.\d]*/.exec(stdout);
  const [major, minor] = [Number(version?.[1]), Number(version?.[2])];
  if (!version || major < MINIMUM_VERSION[0] || (major === MINIMUM_VERSION[0] && minor < MINIMUM_VERSION[1])) {
    throw new Error(
      `QEMU ${version?.[1]}.${version?.[2]} is too old: ${MINIMUM_VERSION.join(".")} or newer is needed. ` +
        "On Debian 12: apt-get install -t bookworm-backports qemu-system-x86 qemu-utils",
    );
  }
  return version[0].replace("version ", "");
}

async function bootOnce(engine: Qemu, { boot, newFolder }: CreateQemuOptions, timeoutMs: number): Promise<void> {
  const dir = newFolder();
  const vm = await engine.boot({ dir, size: { memoryMiB: 768, vcpus: 2 }, boot }).catch(async (error) => {
    await removeFolder(dir);
    throw error;
  });
  try {
    const guest = await Promise.race([
      connectGuest(vm, timeoutMs),
      vm.exited.then((exit) => {
        throw new Error(`QEMU ended: ${exit.console.trim() || (exit.signal ?? exit.code)}`);
      }),
    ]);
    guest.close();
  } finally {
    await discard({ vm, dir });
  }
}

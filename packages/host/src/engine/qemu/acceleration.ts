/**
 * KVM must be proven, not assumed: `/dev/kvm` can exist, open and create virtual CPUs and still be useless, as on some
 * nested hosts. So the real guest is booted under it once, against the clock, and the verdict kept.
 */
import { access, constants, readFile, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { Acceleration } from "../engine.ts";

/** A guest under working KVM answers in well under a second; under emulation it takes about three. */
export const PROOF_TIMEOUT_MS = 5_000;

const verdictsSchema = z.record(z.string(), z.object({ kind: z.enum(["kvm", "tcg"]), reason: z.string() }));

export interface ProveOptions {
  /** File that keeps verdicts. */
  cache: string;
  /** Everything a verdict depends on: versions of kernel, QEMU and guest. */
  versions: Record<string, string>;
  /** Boots the real guest under KVM until its agent answers; throws when it does not within {@link PROOF_TIMEOUT_MS}. */
  proof(): Promise<void>;
}

/** KVM if it works, else emulation, and why. */
export async function proveAcceleration(options: ProveOptions): Promise<Acceleration> {
  const denied = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(() => null, (error: NodeJS.ErrnoException) => error);
  if (denied?.code === "ENOENT") return { kind: "tcg", reason: "this machine has no /dev/kvm" };
  if (denied) return { kind: "tcg", reason: `/dev/kvm may not be used (${denied.code}): add this user to the group kvm` };
  const key = JSON.stringify(options.versions);
  const known = (await readVerdicts(options.cache))[key];
  if (known) return known;
  const started = performance.now();
  const verdict = await options.proof().then(
    (): Acceleration => ({ kind: "kvm", reason: `a guest answered under KVM in ${Math.round(performance.now() - started)} ms` }),
    (error: Error): Acceleration => ({ kind: "tcg", reason: `/dev/kvm is there, but a guest does not work under it: ${error.message}` }),
  );
  await writeFile(options.cache, JSON.stringify({ [key]: verdict }));
  return verdict;
}

async function readVerdicts(path: string): Promise<z.infer<typeof verdictsSchema>> {
  try {
    return verdictsSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return {};
  }
}

/**
 * KVM must be proven, not assumed: `/dev/kvm` can exist, open and create virtual CPUs and still be useless, as on some
 * nested hosts. So the real guest is booted under it once, against the clock, and the verdict kept. Only what KVM itself does
 * wrong is a verdict: a guest that does not start under emulation either says nothing about KVM.
 */
import { access, constants, readFile, rm } from "node:fs/promises";
import { writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";
import type { Acceleration } from "../engine.ts";

/** A guest under working KVM answers in well under a second; under emulation it takes about three. */
export const PROOF_TIMEOUT_MS = 5_000;
/** How long the emulated guest may take that KVM is compared with. */
export const CONTROL_TIMEOUT_MS = 120_000;

/** So many verdicts are kept, the newest. */
const MAX_VERDICTS = 16;
/** Verdicts of other ways to prove do not count. */
const PROOF_VERSION = 2;

const verdictsSchema = z.record(z.string(), z.object({ kind: z.enum(["kvm", "tcg"]), reason: z.string() }));

export interface ProveOptions {
  /** File that keeps verdicts. */
  cache: string;
  /** Everything a verdict depends on: versions of kernel, QEMU and guest. */
  versions: Record<string, string>;
  /** The device; default `/dev/kvm`. */
  device?: string;
  /** Boots the real guest until its agent answers; throws when it does not within the time. */
  boot(kind: "kvm" | "tcg", timeoutMs: number): Promise<void>;
}

/**
 * KVM if it works, else emulation, and why.
 *
 * @throws when the guest does not start under emulation either: something else is wrong then, and nothing is kept
 */
export async function proveAcceleration(options: ProveOptions): Promise<Acceleration> {
  const device = options.device ?? "/dev/kvm";
  const denied = await access(device, constants.R_OK | constants.W_OK).then(
    () => null,
    (error: NodeJS.ErrnoException) => error,
  );
  if (denied?.code === "ENOENT") return { kind: "tcg", reason: `this machine has no ${device}` };
  if (denied)
    return { kind: "tcg", reason: `${device} may not be used (${denied.code}): add this user to the group kvm` };
  const key = JSON.stringify({ ...options.versions, proof: PROOF_VERSION });
  const known = await readVerdicts(options.cache);
  if (known[key]) return known[key];
  const verdict = await prove(device, options.boot);
  // Servers that share templates may run different images.
  const kept = [...Object.entries(known), [key, verdict]].slice(-MAX_VERDICTS);
  await writeFileAtomically(options.cache, JSON.stringify(Object.fromEntries(kept)));
  return verdict;
}

/** What was found out is found out anew at the next start. */
export async function forgetVerdicts(cache: string): Promise<void> {
  await rm(cache, { force: true });
}

async function prove(device: string, boot: ProveOptions["boot"]): Promise<Acceleration> {
  const first = await timed(() => boot("kvm", PROOF_TIMEOUT_MS));
  if (!first.error) return works(first.ms);
  // Was it KVM? The same guest, under emulation: if that does not start, the reason lies elsewhere, and is thrown.
  const emulated = await timed(() => boot("tcg", CONTROL_TIMEOUT_MS));
  if (emulated.error) throw emulated.error;
  const fails = ({ message }: Error): Acceleration => ({
    kind: "tcg",
    reason: `${device} is there, but a guest that starts under emulation does not under it: ${message}`,
  });
  // It had the time that emulation takes: what is not faster is of no use.
  if (first.ms >= emulated.ms) return fails(first.error);
  // Else once more, with all that time: this computer may be slow or busy, or it was a failure of one moment.
  const second = await timed(() => boot("kvm", Math.max(PROOF_TIMEOUT_MS, Math.ceil(emulated.ms))));
  return second.error ? fails(second.error) : works(second.ms);
}

const works = (ms: number): Acceleration => ({
  kind: "kvm",
  reason: `a guest answered under KVM in ${Math.round(ms)} ms`,
});

async function timed(action: () => Promise<void>): Promise<{ ms: number; error?: Error }> {
  const started = performance.now();
  const outcome = await action().then(
    () => ({}),
    (error: Error) => ({ error }),
  );
  return { ms: performance.now() - started, ...outcome };
}

async function readVerdicts(path: string): Promise<z.infer<typeof verdictsSchema>> {
  try {
    return verdictsSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return {};
  }
}

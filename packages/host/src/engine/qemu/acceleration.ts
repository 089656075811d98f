/**
 * KVM must be tested: `/dev/kvm` can exist, open and create virtual CPUs and still be useless, as on some nested hosts.
 * So the real guest is booted under it once, against the clock, and the verdict is stored. Only KVM's own failures
 * count: a guest that does not start under emulation either says nothing about KVM.
 */
import { access, constants, readFile, rm } from "node:fs/promises";
import { writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";
import type { Acceleration } from "../engine.ts";

/** With working KVM a guest answers in well under a second; under emulation it takes about three. */
export const PROOF_TIMEOUT_MS = 5_000;
/** How long the emulated guest may take in the comparison with KVM. */
export const CONTROL_TIMEOUT_MS = 120_000;

/** Number of verdicts kept, the newest ones. */
const MAX_VERDICTS = 16;
/** Version of the test; verdicts of other versions do not count. */
const PROOF_VERSION = 2;

const verdictsSchema = z.record(z.string(), z.object({ kind: z.enum(["kvm", "tcg"]), reason: z.string() }));

export interface ProveOptions {
  /** File with the verdicts. */
  cache: string;
  /** Everything a verdict depends on: versions of kernel, QEMU and guest. */
  versions: Record<string, string>;
  /** The device; default `/dev/kvm`. */
  device?: string;
  /** Boots the real guest until its agent answers; throws if it does not within the time. */
  boot(kind: "kvm" | "tcg", timeoutMs: number): Promise<void>;
}

/**
 * Chooses KVM if it works, otherwise emulation, and says why.
 *
 * @throws if the guest does not start under emulation either; the cause is then something else, and no verdict is
 * stored
 */
export async function proveAcceleration(options: ProveOptions): Promise<Acceleration> {
  const device = options.device ?? "/dev/kvm";
  const denied = await access(device, constants.R_OK | constants.W_OK).then(
    () => null,
    (error: NodeJS.ErrnoException) => error,
  );
  if (denied?.code === "ENOENT") return { kind: "tcg", reason: `this machine has no ${device}` };
  if (denied)
    return { kind: "tcg", reason: `no permission to open ${device} (${denied.code}): add this user to the group kvm` };
  const key = JSON.stringify({ ...options.versions, proof: PROOF_VERSION });
  const known = await readVerdicts(options.cache);
  if (known[key]) return known[key];
  const verdict = await prove(device, options.boot);
  // Servers that share templates may run different images.
  const kept = [...Object.entries(known), [key, verdict]].slice(-MAX_VERDICTS);
  await writeFileAtomically(options.cache, JSON.stringify(Object.fromEntries(kept)));
  return verdict;
}

/** Discards the verdicts, so that the next start tests again. */
export async function forgetVerdicts(cache: string): Promise<void> {
  await rm(cache, { force: true });
}

async function prove(device: string, boot: ProveOptions["boot"]): Promise<Acceleration> {
  const first = await timed(() => boot("kvm", PROOF_TIMEOUT_MS));
  if (!first.error) return works(first.ms);
  // Is KVM to blame? Boot the same guest under emulation: if that fails too, the cause lies elsewhere, and its error is
  // thrown.
  const emulated = await timed(() => boot("tcg", CONTROL_TIMEOUT_MS));
  if (emulated.error) throw emulated.error;
  const fails = ({ message }: Error): Acceleration => ({
    kind: "tcg",
    reason: `${device} exists, but a guest that starts under emulation does not start under KVM: ${message}`,
  });
  // It had as long as emulation takes; if it is no faster, it is of no use.
  if (first.ms >= emulated.ms) return fails(first.error);
  // Otherwise try once more, with as much time: the computer may be slow or busy, or the failure was temporary.
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

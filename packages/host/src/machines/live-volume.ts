/** A volume in a machine that runs, as the host's storage sees it. */
import { GuestError } from "../contract.ts";
import type { Vm } from "../engine/engine.ts";
import type { GuestClient } from "../guest/client.ts";
import type { LiveVolume } from "../storage/holders.ts";

/**
 * How long a file system stays frozen if the host does not thaw it: a crash of the server, or a computer that is too
 * busy. Between freezing and thawing there is a millisecond of work.
 */
const FREEZE_LIMIT_MS = 5_000;
/** How long writing to the disk and freezing may take; a guest may have written gigabytes that are not on disk yet. */
const FREEZE_TIMEOUT_MS = 60_000;
/** How long other calls may take; they take some milliseconds. */
const CALL_TIMEOUT_MS = 20_000;

export function liveVolume({ vm, guest }: { vm: Vm; guest: GuestClient }, slot: number): LiveVolume {
  return {
    async depth() {
      return await vm.slots.depth(slot).catch(async (error) => {
        // Nobody knows what it writes.
        await vm.kill();
        throw error;
      });
    },
    addLayer: (layer, how, prepared) =>
      vm.slots.addLayer(slot, layer, async (take) => {
        await prepared();
        await (how === "frozen" ? whileFrozen(guest, slot, take) : take());
      }),
    async resize(bytes) {
      await vm.slots.resize(slot, bytes);
      // A file system that cannot grow now, for example because it is mounted read-only, grows when it is mounted next.
      await guest.call("diskGrow", { slot, bytes }, AbortSignal.timeout(CALL_TIMEOUT_MS)).catch((error: unknown) => {
        if (!(error instanceof GuestError)) throw error;
      });
    },
  };
}

/**
 * Does something while a file system is complete on its disk and not written.
 *
 * @param slot null: the root
 * @throws if it was thawed before that was done
 */
export async function whileFrozen(guest: GuestClient, slot: number | null, task: () => Promise<void>): Promise<void> {
  const limit = AbortSignal.timeout(FREEZE_TIMEOUT_MS);
  const thaw = () => guest.call("diskThaw", { slot }, AbortSignal.timeout(CALL_TIMEOUT_MS));
  const { frozen } = await guest.call("diskFreeze", { slot, timeoutMs: FREEZE_LIMIT_MS }, limit);
  try {
    await task();
  } catch (error) {
    await thaw().catch(() => {});
    throw error;
  }
  const thawed = await thaw();
  if (frozen && !thawed.frozen) throw new Error("The file system was not frozen for long enough. Try again.");
}

import type { QemuProcess } from "../process.ts";

/**
 * Lets a machine go on that was paused for a moment. An answer may take too long, as on a computer whose disk hangs; then
 * it is told again, by another monitor. A machine that cannot go on is ended, so that its owner learns of it.
 */
export async function goOn(vm: QemuProcess): Promise<void> {
  try {
    await vm.resume().catch(() => vm.resume());
  } catch (cause) {
    await vm.kill();
    throw new Error("A machine did not go on after a pause, and was ended.", { cause });
  }
}

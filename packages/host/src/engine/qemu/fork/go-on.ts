import { type QemuProcess, socketsIn } from "../process.ts";
import { Qmp } from "../qmp.ts";

/**
 * Lets a machine go on that was paused for a moment. Its monitor is closed if an answer took too long, as on a computer
 * whose disk hangs; then another one does it. A machine that cannot go on is ended, so that its owner learns of it.
 */
export async function goOn(vm: QemuProcess): Promise<void> {
  try {
    await vm.resume().catch(() => resumeByAnother(vm.dir));
  } catch (cause) {
    await vm.kill();
    throw new Error("A machine did not go on after a pause, and was ended.", { cause });
  }
}

async function resumeByAnother(dir: string): Promise<void> {
  const qmp = await Qmp.connect(socketsIn(dir).qmp);
  try {
    await qmp.execute("cont");
  } finally {
    qmp.close();
  }
}

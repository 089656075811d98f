/** Takes over a QEMU process that an earlier run of ours started. */
import { errnoOf } from "@sandkeep/common";
import { MACHINE_USERS } from "@sandkeep/jail";
import type { VmExit } from "../engine.ts";
import { QemuProcess, socketsIn } from "./process.ts";
import { isRunning, kill, type ProcessRecord, readProcess } from "./process-record.ts";
import { Qmp } from "./qmp.ts";
import type { FilePasser } from "./slots/file-passer.ts";

/** Interval between checks of a process whose monitor has closed: it is exiting, which takes some milliseconds. */
const LEAVING_LOOK_MS = 5;
/** A process that lives longer than this without its monitor is not exiting. */
const LEAVING_MS = 2_000;
/** Interval between checks of a process whose answer was late, until a command has reached it again. */
const LATE_LOOK_MS = 100;

/** What connecting says if it is this server that has nothing left to connect with. */
const OUR_OWN = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/**
 * Null if the folder's QEMU is gone.
 *
 * @throws if this cannot be known now
 */
export async function adoptQemu(dir: string, passer: FilePasser): Promise<QemuProcess | null> {
  const record = await readProcess(dir);
  if (!record || !isRunning(record)) return null;
  const { qmp: path } = socketsIn(dir);
  // After a late answer, the next command connects to it again.
  const qmp = await Qmp.connect(path, { another: path }).catch((error: unknown) => {
    if (OUR_OWN.has(errnoOf(error) ?? "")) throw error;
    return null;
  });
  if (!qmp) return null;
  if (record.uid !== null) MACHINE_USERS.reserve(record.uid);
  let released = false;
  let shutDown = false;
  qmp.onEvent(({ event }) => (shutDown ||= event === "SHUTDOWN"));
  // A monitor that we closed ourselves says nothing about its process.
  const exited = unreachable(record, qmp, () => released).then(() =>
    released ? new Promise<VmExit>(() => {}) : leave(record, () => shutDown),
  );
  void exited.then(() => MACHINE_USERS.release(record.uid ?? undefined));
  return new QemuProcess({ process: record, dir, qmp, exited, passer, onRelease: () => (released = true) });
}

/** Resolves when a process has closed its monitor or ended, or was released. A late answer means none of these. */
async function unreachable(record: ProcessRecord, qmp: Qmp, isReleased: () => boolean): Promise<void> {
  await qmp.closed;
  while (qmp.isLate && !isReleased() && isRunning(record)) {
    await delay(LATE_LOOK_MS);
    await qmp.closed;
  }
}

/** Waits for the end of a process that is not our child: nobody tells us how it ended, except QEMU before an orderly end. */
async function leave(record: ProcessRecord, isOrderly: () => boolean): Promise<VmExit> {
  let signal: string | null = null;
  for (let waited = 0; isRunning(record); waited += LEAVING_LOOK_MS) {
    if (waited >= LEAVING_MS && killed(record)) signal = "SIGKILL";
    await delay(LEAVING_LOOK_MS);
  }
  return { code: signal === null && isOrderly() ? 0 : null, signal, console: "" };
}

/** False if it cannot be known now which process that is. */
function killed(record: ProcessRecord): boolean {
  try {
    kill(record);
    return true;
  } catch {
    return false;
  }
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

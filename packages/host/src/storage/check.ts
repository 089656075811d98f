/**
 * Checks and repairs layers with `qemu-img check`. A machine may have written anything to them, so this runs in a jail
 * that has nothing but the layer.
 */
import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import type { Socket } from "node:net";
import { type Jail, type JailKind, MACHINE_USERS, openJail, REPORT_FD, withOnly } from "@sandkeep/jail";

/** Open files of a check; it needs about ten. */
const MAX_OPEN_FILES = 64;
/** The first of the jail's own descriptors. */
const JAIL_FD = 4;
/** How long a check may take. It reads tables, not data: 30 ms for a small volume, a few seconds for a terabyte. */
const TIMEOUT_MS = 120_000;
/** How much of its output is kept. */
const MAX_OUTPUT_CHARS = 4 * 1024;

/** Exit codes of `qemu-img check`. */
const CLEAN = 0;
const LEAKS = 3;

export interface LayerCheck {
  state: "clean" | "leaks" | "damaged";
  /** What qemu-img says. */
  detail: string;
}

/**
 * @param repair whether to free clusters that nothing refers to, as a crash leaves them; the state is that after the
 * repair
 * @throws if the check could not run
 */
export async function checkLayer(path: string, kind: JailKind, repair: boolean): Promise<LayerCheck> {
  const user = MACHINE_USERS.take();
  const file = await open(path, "r");
  const { uid, gid, size, mode } = await file.stat();
  try {
    if (user) await file.chown(user.uid, user.gid);
    if (repair) await file.chmod(0o600);
    await using jail = await openJail(kind, {
      files: repair ? { writable: [path], readable: [] } : { writable: [], readable: [path] },
      user,
      system: "programs",
      network: "none",
      environment: {},
      openFiles: MAX_OPEN_FILES,
      // A repair writes within the file, and at most appends new tables.
      fileBytes: size * 2 + 64 * 1024 ** 2,
      firstDescriptor: JAIL_FD,
    });
    const image = { driver: "qcow2", backing: null, file: { driver: "file", filename: jail.name(path) } };
    const { code, output } = await run(jail, [
      "qemu-img",
      "check",
      "-q",
      ...(repair ? ["-r", "leaks"] : []),
      `json:${JSON.stringify(image)}`,
    ]);
    if (code === CLEAN) return { state: "clean", detail: output };
    if (code === LEAKS) return { state: "leaks", detail: output };
    return { state: "damaged", detail: output || `qemu-img check ended with ${code ?? "a signal"}` };
  } finally {
    if (user) await file.chown(uid, gid);
    if (repair) await file.chmod(mode & 0o777);
    await file.close();
    MACHINE_USERS.release(user?.uid);
  }
}

async function run(jail: Jail, command: string[]): Promise<{ code: number | null; output: string }> {
  const descriptors = jail.descriptors.map((_, n) => JAIL_FD + n);
  const kept = jail.reportsPid ? [REPORT_FD, ...descriptors] : descriptors;
  const [file, ...args] = withOnly(kept, jail.wrap(command));
  const child = spawn(file!, args, {
    stdio: ["ignore", "pipe", "pipe", jail.reportsPid ? "pipe" : "ignore", ...jail.descriptors],
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let output = "";
  const keep = (text: string) => (output = (output + text).slice(-MAX_OUTPUT_CHARS));
  child.stdout!.setEncoding("utf8").on("data", keep);
  child.stderr!.setEncoding("utf8").on("data", keep);
  if (jail.reportsPid) (child.stdio[REPORT_FD] as Socket).on("error", () => {}).resume();
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, output: output.trim() };
}

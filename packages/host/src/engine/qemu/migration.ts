/** A machine's state goes to a file and comes from it, by QEMU's migration. Its memory is in a file of its own. */
import { setTimeout as wait } from "node:timers/promises";
import type { QemuProcess } from "./process.ts";

/** How long reading or writing a machine's state may take: 70 KB, so usually 60 ms; longer on a busy computer. */
const MIGRATION_TIMEOUT_MS = 60_000;
/** How long the last moment of a migration may take, and how often to look. */
const FINAL_TIMEOUT_MS = 10_000;
const FINAL_LOOK_MS = 2;

/** The guest's memory is already in its file: the state contains only CPUs and devices. */
export async function enableMigration(vm: QemuProcess): Promise<void> {
  const capabilities = ["x-ignore-shared", "events"].map((capability) => ({ capability, state: true }));
  await vm.qmp.execute("migrate-set-capabilities", { capabilities });
}

/** Writes the state of a paused machine. @param path as the machine sees it */
export async function saveState(vm: QemuProcess, path: string): Promise<void> {
  await Promise.all([migrationEnd(vm), vm.qmp.execute("migrate", { uri: `file:${path}` })]);
  await untilFinal(vm);
}

/**
 * QEMU reports the end of a migration a moment before it accepts `cont` again ("Migration is not finalized yet",
 * `qmp_cont` in its source), and has no event for that.
 */
async function untilFinal(vm: QemuProcess): Promise<void> {
  for (const until = performance.now() + FINAL_TIMEOUT_MS; performance.now() < until; await wait(FINAL_LOOK_MS)) {
    const { status } = (await vm.qmp.execute("query-status")) as { status?: unknown };
    if (status !== "finish-migrate") return;
  }
}

/** Reads a state into a process that waits for it, and lets the machine run. @param path as the machine sees it */
export async function loadState(vm: QemuProcess, path: string): Promise<void> {
  await Promise.all([migrationEnd(vm), vm.qmp.execute("migrate-incoming", { uri: `file:${path}` })]);
  // A template is paused when captured, so its clones start paused too.
  await vm.resume();
}

async function migrationEnd(vm: QemuProcess): Promise<void> {
  const statuses = ["completed", "failed", "cancelled"];
  const event = await vm.qmp.waitFor(
    (e) => e.event === "MIGRATION" && statuses.includes(String(e.data?.status)),
    MIGRATION_TIMEOUT_MS,
  );
  if (event.data?.status === "completed") return;
  const info = (await vm.qmp.execute("query-migrate")) as { "error-desc"?: string };
  throw new Error(`QEMU could not move the machine's state: ${info["error-desc"] ?? "no reason given"}`);
}

/** Checks and repairs layers with `qemu-img check`. */
import { stat } from "node:fs/promises";
import { errnoOf } from "@sandkeep/common";
import type { JailKind } from "@sandkeep/jail";
import { readLayer } from "../qcow2.ts";
import { runQemuImg } from "./qemu-img.ts";

/** How long a check may take. It reads tables, not data: 30 ms for a small volume, a few seconds for a terabyte. */
const TIMEOUT_MS = 120_000;
/** How much a repair may append, bytes: new tables. */
const MAX_APPENDED_BYTES = 64 * 1024 ** 2;

/** Exit codes of `qemu-img check`. */
const CLEAN = 0;
const LEAKS = 3;

/** Exit code of a jail whose process was ended by SIGXFSZ. */
const TOO_LARGE = 128 + 25;

/** It could not be opened or checked, for reasons that are not its own. */
const HINDERED = /Failed to get .*lock|Cannot allocate memory|failed to allocate/;

export interface LayerCheck {
  /** `unknown`: the check took too long or was hindered, which says nothing about the layer. */
  state: "clean" | "leaks" | "damaged" | "unknown";
  /** What qemu-img says. */
  detail: string;
}

export interface CheckOptions {
  jail: JailKind;
  /** The largest device that the layer may be of. */
  mostBytes: number;
  /**
   * Whether to free clusters that nothing refers to, as a crash leaves them; the state is that after the repair. Only for
   * a layer that nobody else has open.
   */
  repair?: boolean;
  /** Whether the layer never changes; then others may have it open in any way. */
  frozen?: boolean;
  /** Default {@link TIMEOUT_MS}. */
  timeoutMs?: number;
}

/** @throws if the check could not run */
export async function checkLayer(path: string, options: CheckOptions): Promise<LayerCheck> {
  const { jail, mostBytes, repair = false, frozen = false, timeoutMs = TIMEOUT_MS } = options;
  try {
    // A header decides how much memory and time a check takes.
    await readLayer(path, mostBytes);
  } catch (error) {
    if (errnoOf(error) !== undefined) throw error;
    return { state: "damaged", detail: (error as Error).message };
  }
  const { code, signal, wasKilled, output } = await runQemuImg({
    jail,
    readable: repair ? [] : [path],
    ...(repair && { writable: path }),
    // A repair writes within the file, and at most appends new tables.
    fileBytes: (await stat(path)).size * 2 + MAX_APPENDED_BYTES,
    timeoutMs,
    args: (name) => {
      const file = { driver: "file", filename: name(path), ...(frozen && { locking: "off" }) };
      const image = { driver: "qcow2", backing: null, file };
      return ["check", "-q", ...(repair ? ["-r", "leaks"] : []), `json:${JSON.stringify(image)}`];
    },
  });
  if (code === CLEAN) return { state: "clean", detail: output };
  if (code === LEAKS) return { state: "leaks", detail: output };
  if (signal === "SIGXFSZ" || code === TOO_LARGE)
    return { state: "unknown", detail: "qemu-img check was ended: repairing the layer would have made it too large" };
  if (wasKilled)
    return {
      state: "unknown",
      detail: `qemu-img check was ended: it took more than ${timeoutMs / 1_000} s, or the computer was out of memory`,
    };
  return {
    state: HINDERED.test(output) ? "unknown" : "damaged",
    detail: output || `qemu-img check ended with ${signal ?? code}`,
  };
}

/** How busy the processors are. */
import { readFileSync } from "node:fs";

/**
 * If processes waited for a processor for more than this share of the last ten seconds, in percent, the warm pool is
 * not refilled.
 */
const BUSY_PERCENT = 50;

/** Whether others need the processors more than the warm pool does. False if the kernel reports no pressure. */
export function processorsBusy(): boolean {
  return waitingPercent() > BUSY_PERCENT;
}

/** Kernel documentation: accounting/psi. */
function waitingPercent(): number {
  try {
    return Number(/^some avg10=([\d.]+)/m.exec(readFileSync("/proc/pressure/cpu", "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

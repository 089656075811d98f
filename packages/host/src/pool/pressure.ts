/** How busy the processors are. */
import { readFileSync } from "node:fs";

/** Part of the last ten seconds during which somebody waited for a processor, in percent, above which the warm pool is not refilled. */
const BUSY_PERCENT = 50;

/** Whether others need the processors more than the warm pool does. A kernel without pressure information is taken for idle. */
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

/**
 * A machine whose root cannot be written because the host's disk is full: QEMU stops it. After an error instead, its
 * kernel would give the file system up for good. It tries again by and by, until there is space.
 */
import type { Qmp } from "../qmp.ts";

/** How long a machine rests before it tries again, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * @param isWanted whether the machine is to run, as far as we have a say
 * @param retryMs default {@link RETRY_MS}
 */
export function goOnWithSpace(
  qmp: Pick<Qmp, "onEvent" | "execute">,
  isWanted: () => boolean,
  retryMs = RETRY_MS,
): void {
  let isResting = false;
  qmp.onEvent(({ event, data }) => {
    if (event !== "BLOCK_IO_ERROR" || data?.nospace !== true || data.action !== "stop") return;
    if (isResting) return;
    isResting = true;
    setTimeout(() => {
      isResting = false;
      // One that is paused tries when it is resumed. One that fails again says so again.
      if (isWanted()) void qmp.execute("cont").catch(() => {});
    }, retryMs).unref();
  });
}

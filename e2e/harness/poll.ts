/** Polling interval for conditions without an event, in milliseconds. */
const INTERVAL_MS = 25;

/**
 * Resolves when a condition holds; fails after a while. For conditions without an event, such as the end of another
 * process.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

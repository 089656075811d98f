/** How often something is looked at that sends no word of itself, in milliseconds. */
const INTERVAL_MS = 25;

/** Resolves when a condition holds. For what nobody announces, such as the end of another process; fails after a while. */
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

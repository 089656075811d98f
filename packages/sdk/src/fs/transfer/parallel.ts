/**
 * How many files are copied at a time. Enough to hide the round trips of small ones behind each other; the link carries no
 * more for more of them.
 */
const CONCURRENCY = 8;

/** Runs tasks with bounded concurrency. The first failure stops the beginning of others and is thrown when the running are done. */
export async function runAll(tasks: Iterable<() => Promise<void>>): Promise<void> {
  const iterator = Iterator.from(tasks);
  let failed = false;
  const worker = async () => {
    for (let next = iterator.next(); !next.done && !failed; next = iterator.next()) {
      await next.value().catch((error) => {
        failed = true;
        throw error;
      });
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: CONCURRENCY }, worker));
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure) throw failure.reason;
}

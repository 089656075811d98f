/**
 * How many files are copied at a time: enough to overlap the round trips of small files. More of them would not be faster.
 */
const CONCURRENCY = 8;

/**
 * Runs tasks with bounded concurrency. After the first failure no more are started; it is thrown when the running ones have
 * ended.
 */
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

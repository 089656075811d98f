type Task<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Runs tasks concurrently and returns their results. If one fails the others are aborted, and all have ended when this
 * returns. Throws the error of the task that failed first.
 */
export async function together<T extends unknown[]>(
  signal: AbortSignal | undefined,
  tasks: readonly [...{ [K in keyof T]: Task<T[K]> }],
): Promise<T> {
  const failed = new AbortController();
  const linked = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  const settled = await Promise.allSettled(
    tasks.map(async (task) => {
      try {
        return await task(linked);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  signal?.throwIfAborted();
  failed.signal.throwIfAborted();
  return settled.map((result) => (result.status === "fulfilled" ? result.value : undefined)) as T;
}

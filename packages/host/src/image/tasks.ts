/**
 * Runs tasks side by side. When one fails the others are aborted; in any case nothing runs any more when this returns.
 * Throws the error of the task that failed first.
 */
export async function together(signal: AbortSignal | undefined, tasks: ((signal: AbortSignal) => Promise<unknown>)[]): Promise<void> {
  const failed = new AbortController();
  const linked = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  let first: { error: unknown } | undefined;
  await Promise.all(
    tasks.map(async (task) => {
      try {
        await task(linked);
      } catch (error) {
        first ??= { error };
        failed.abort(error);
      }
    }),
  );
  if (first) throw first.error;
}

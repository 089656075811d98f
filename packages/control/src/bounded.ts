/** Whether the promise settled (either way) within the time. Never rejects. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, ms, false)));
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The same; begins again as long as less is left of the work each time. */
export async function settlesWithProgress(promise: Promise<unknown>, ms: number, left: () => number): Promise<boolean> {
  for (let before = Infinity, now = left(); now < before; before = now, now = left())
    if (await settlesWithin(promise, ms)) return true;
  return false;
}

/** Settles as the promise does, or rejects with the signal's reason if that comes first. */
export async function unlessAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    // In this order: nothing goes on for whoever has left.
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

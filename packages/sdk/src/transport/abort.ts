import type { Connection } from "./connection.ts";

/** The `AbortError` of an aborted signal, regardless of the signal's reason. */
export function abortError(signal: AbortSignal): unknown {
  const { reason } = signal;
  if (reason instanceof DOMException && reason.name === "AbortError") return reason;
  // A DOMException takes its cause from its options; Node's types do not say so yet.
  return new DOMException("The operation was aborted", { name: "AbortError", cause: reason } as unknown as string);
}

/**
 * Runs an operation that `signal` can abort. The operation gets the id under which the server knows it, or undefined when
 * there is no signal. An abort rejects at once and notifies the server, which then stops the work.
 */
export async function abortable<T>(
  connection: Connection,
  signal: AbortSignal | null | undefined,
  operation: (abortId: number | undefined) => Promise<T>,
): Promise<T> {
  if (!signal) return await operation(undefined);
  if (signal.aborted) throw abortError(signal);
  const abortId = connection.newAbortId();
  const running = operation(abortId);
  let stop!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      connection.call("abort", { abortId }).catch(() => {});
      reject(abortError(signal));
    };
  });
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([running, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    running.catch(() => {});
  }
}

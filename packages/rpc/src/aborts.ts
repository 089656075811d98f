/** Operations that a client can abort, by the id it gave them (wire-protocol §7.1). */
export class Aborts {
  readonly #controllers = new Map<number, AbortController>();

  /**
   * A signal for an operation that carries `abortId`; the end of the connection aborts it too. Call `done` when the operation has finished.
   */
  register(abortId: number | undefined, connection: AbortSignal): { signal: AbortSignal; done: () => void } {
    if (abortId === undefined) return { signal: connection, done: () => {} };
    const controller = new AbortController();
    this.#controllers.set(abortId, controller);
    return {
      signal: AbortSignal.any([controller.signal, connection]),
      done: () => {
        if (this.#controllers.get(abortId) === controller) this.#controllers.delete(abortId);
      },
    };
  }

  /** Aborts the operation. Unknown ids, and those of finished operations, are ignored. */
  abort(abortId: number): void {
    this.#controllers.get(abortId)?.abort();
  }
}

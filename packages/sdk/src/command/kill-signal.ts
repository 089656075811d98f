import type { Signal } from "../process/signal.ts";

/** Signals that end a command, with the exit code that it then has: 128 plus the number of the signal. */
const ENDING: Partial<Record<Signal, number>> = { SIGINT: 130, SIGQUIT: 131, SIGABRT: 134, SIGKILL: 137, SIGTERM: 143 };

const key = Symbol("kill signal");

/** Called with the name of a signal that was sent. */
export type KillSignalListener = (signal: Signal) => void;

interface State {
  abortedExitCode: number | undefined;
  listeners: KillSignalListener[];
}

function send(state: State, signal: Signal): void {
  state.abortedExitCode = ENDING[signal] ?? state.abortedExitCode;
  for (const listener of [...state.listeners]) listener(signal);
}

/**
 * Sends signals to commands, in the way that an `AbortController` aborts requests.
 *
 * @example
 * ```ts
 * import { KillController, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const controller = new KillController();
 * const sleeping = sandbox.sh`echo started; sleep 60`.signal(controller.signal).noThrow().result();
 * setTimeout(() => controller.kill("SIGINT"), 200);
 * assert.equal((await sleeping).status.success, false);
 * assert.equal(controller.signal.abortedExitCode, 130);
 * ```
 */
export class KillController {
  readonly #state: State = { abortedExitCode: undefined, listeners: [] };
  readonly #signal: KillSignal = new KillSignal(key, this.#state);

  /** Pass this to commands, so that they listen to this controller. */
  get signal(): KillSignal {
    return this.#signal;
  }

  /** Sends a signal to every listening command: `SIGTERM` by default. */
  kill(signal: Signal = "SIGTERM"): void {
    send(this.#state, signal);
  }
}

/**
 * Delivers the signals of a {@linkcode KillController} to commands. After `SIGINT`, `SIGQUIT`, `SIGABRT`, `SIGKILL` or
 * `SIGTERM` it is aborted, and commands that get it afterwards do not start.
 *
 * @example
 * ```ts
 * import { KillController } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const controller = new KillController();
 * controller.kill("SIGHUP");
 * assert.equal(controller.signal.aborted, false);
 * controller.kill("SIGKILL");
 * assert.equal(controller.signal.aborted, true);
 * assert.equal(controller.signal.abortedExitCode, 137);
 * ```
 */
export class KillSignal {
  static #stateOf: (signal: KillSignal) => State;
  static {
    KillSignal.#stateOf = (signal) => signal.#state;
  }

  readonly #state: State;

  /** @internal */
  constructor(given: symbol, state: State) {
    if (given !== key) throw new TypeError("KillSignal cannot be constructed directly: use KillController");
    this.#state = state;
  }

  /** Whether a signal that ends commands has been sent. */
  get aborted(): boolean {
    return this.#state.abortedExitCode !== undefined;
  }

  /** The exit code of the ended commands: 128 plus the number of the signal. Undefined if no such signal has been sent. */
  get abortedExitCode(): number | undefined {
    return this.#state.abortedExitCode;
  }

  /**
   * Forwards every signal from now on to another `KillSignal`, until `unsubscribe()` is called.
   *
   * @example
   * ```ts
   * import { KillController } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * const all = new KillController();
   * const one = new KillController();
   * const link = all.signal.linkChild(one.signal);
   * all.kill();
   * assert.ok(one.signal.aborted);
   * link.unsubscribe();
   * ```
   */
  linkChild(killSignal: KillSignal): { unsubscribe(): void } {
    const listener: KillSignalListener = (signal) => send(KillSignal.#stateOf(killSignal), signal);
    this.addListener(listener);
    return { unsubscribe: () => this.removeListener(listener) };
  }

  /** Calls `listener` for every signal from now on. */
  addListener(listener: KillSignalListener): void {
    this.#state.listeners.push(listener);
  }

  /** Stops calling `listener`. Call this when the listener is no longer needed but the signal lives on. */
  removeListener(listener: KillSignalListener): void {
    const index = this.#state.listeners.indexOf(listener);
    if (index >= 0) this.#state.listeners.splice(index, 1);
  }
}

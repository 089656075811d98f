/** The calls of one connection: checks params, runs methods, and answers in the form that clients expect. */
import { type RequestId, RPC_ERRORS, type RpcMethod, rpcMethods } from "@sandkeep/protocol";
import type { ConnectionState } from "./connection-state.ts";
import { describeFailure, invalidParams, ProtocolError } from "./errors.ts";
import type { Call } from "./handlers.ts";
import { handlers } from "./methods/mod.ts";

/** Methods that change no file and reveal no change of one while they ran: they do not invalidate read-ahead. */
const HARMLESS = new Set<RpcMethod>([
  "abort",
  "denoHttpWait",
  "envGet",
  "envToObject",
  "fileClose",
  "fileRead",
  "fileSeek",
  "fileStat",
  "lstat",
  "processWait",
  "readDir",
  "readFile",
  "readLink",
  "readTextFile",
  "realPath",
  "sandkeep.readFileStream",
  "sandkeep.readTree",
  "sandkeep.streamTaken",
  "stat",
  "walk",
]);

const isMethod = (name: string): name is RpcMethod => Object.hasOwn(rpcMethods, name);

export interface CallsOptions {
  /** Stops or resumes reading the socket. */
  setPaused: (paused: boolean) => void;
  /** The client exceeded a limit that backpressure cannot enforce. */
  overflow: (reason: string) => void;
}

export class Calls {
  readonly #state: ConnectionState;
  readonly #options: CallsOptions;
  #pending = 0;
  #pendingBytes = 0;
  #paused = false;

  constructor(state: ConnectionState, options: CallsOptions) {
    this.#state = state;
    this.#options = options;
  }

  /** Runs a call and answers it. `method` is null if the message names none; `bytes` is the size of the message. */
  async take(id: RequestId, method: string | null, params: unknown, bytes: number): Promise<void> {
    const { limits, outbox } = this.#state;
    this.#pending++;
    // Twice the limit: even the refusals are unsent, so this client reads nothing at all.
    if (this.#pending > 2 * limits.pendingCalls)
      return this.#options.overflow(`more than ${limits.pendingCalls} calls in progress`);
    this.#count(bytes);
    let held = 0;
    const call = {
      hold: async (more: number) => {
        await this.#state.heldResults.take(more);
        held += more;
      },
    };
    let text;
    try {
      if (this.#pending > limits.pendingCalls)
        throw new ProtocolError({
          ...RPC_ERRORS.server,
          message: `More than ${limits.pendingCalls} calls are in progress`,
        });
      text = this.#answer(id, { ok: (await this.#carryOut(method, params, call)) ?? null });
    } catch (error) {
      text = this.#describe(id, method, error);
    }
    this.#count(-bytes);
    outbox.send(text, () => {
      this.#pending--;
      if (held) this.#state.heldResults.give(held);
    });
  }

  async #carryOut(method: string | null, params: unknown, call: Call): Promise<unknown> {
    if (method === null) throw new ProtocolError(RPC_ERRORS.invalidRequest);
    if (!isMethod(method)) throw new ProtocolError(RPC_ERRORS.methodNotFound);
    const { data, error } = rpcMethods[method].params.safeParse(params ?? {});
    if (error) throw invalidParams(error);
    // A client that does not read its answers gets no new ones.
    if (this.#state.outbox.congested) await this.#state.outbox.drained();
    // The connection may have ended meanwhile, for example with the client's token: nothing may start after that.
    if (this.#state.outbox.over) throw new ProtocolError({ ...RPC_ERRORS.server, message: "The connection is closed" });
    const harmless = HARMLESS.has(method);
    if (!harmless) this.#state.sandbox.touch();
    try {
      const handler = handlers[method] as (state: ConnectionState, params: unknown, call: Call) => unknown;
      return await handler(this.#state, data, call);
    } finally {
      if (!harmless) this.#state.sandbox.touch();
    }
  }

  #answer(id: RequestId, result: unknown): string {
    const text = JSON.stringify({ jsonrpc: "2.0", id, result });
    const { resultBytes } = this.#state.limits;
    // The limit is on the length in UTF-8, which only text longer than a third of it can reach.
    if (text.length > resultBytes / 3 && Buffer.byteLength(text) > resultBytes) {
      throw new ProtocolError({
        ...RPC_ERRORS.server,
        message: `The result is larger than ${resultBytes} bytes; read it in pieces`,
      });
    }
    return text;
  }

  #describe(id: RequestId, method: string | null, error: unknown): string {
    const described = describeFailure(error);
    if ("error" in described) return JSON.stringify({ jsonrpc: "2.0", id, result: { error: described.error } });
    if (described.unexpected && !this.#state.signal.aborted)
      this.#state.log.error({ err: error, method }, "rpc method failed");
    return JSON.stringify({ jsonrpc: "2.0", id, error: described.failure });
  }

  #count(bytes: number): void {
    this.#pendingBytes += bytes;
    const paused = this.#pendingBytes > this.#state.limits.pendingCallBytes;
    if (paused !== this.#paused) this.#options.setPaused((this.#paused = paused));
  }
}

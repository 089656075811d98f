/** Pauses sandboxes that would end otherwise: nobody needs them any more, their time is up, or the server stops. */
import { setTimeout as wait } from "node:timers/promises";
import type { Logger } from "@sandkeep/common";
import type { Actor, ApiError, ErrorCode, PauseReason } from "@sandkeep/protocol";
import type { Sandbox } from "../sandboxes/sandbox.ts";
import type { Stop } from "../sandboxes/stop.ts";
import { Turns } from "../turns.ts";

/**
 * Waits before a sandbox that is to be paused instead of ended is tried again, milliseconds: what may pass, such as a full disk
 * or a busy computer, must not end it.
 */
const RETRY_AFTER_MS = [1_000, 5_000, 15_000];
/**
 * How many of an organisation are paused at the same time without being asked: they write their memory to the same disk.
 * Others do not wait for them, as a guest decides how long its pause takes.
 */
const PAUSED_AT_ONCE = 4;
/** What does not pass by itself. */
const LASTING: readonly ErrorCode[] = ["SANDBOX_HAS_VOLUMES", "NOT_FORKABLE", "PAUSED_LIMIT"];

/** Why a sandbox is paused that would end for this reason. */
const REASONS: Partial<Record<Stop["why"], PauseReason>> = {
  idle: "idle",
  timeout: "timeout",
  "client-closed": "client-closed",
  "client-silent": "client-silent",
  "server-stopped": "server-stopped",
};

export interface PausingInsteadOptions {
  /** @throws {ApiError} */
  pause(sandbox: Sandbox, why: PauseReason, actor: Actor): Promise<unknown>;
  /** Leaves one running that cannot be paused now. */
  leaveToNextStart(sandbox: Sandbox): Promise<void>;
  /** Whether the server is stopping. */
  isClosing(): boolean;
  log: Logger;
}

export class PausingInstead {
  readonly #options: PausingInsteadOptions;
  readonly #turns = new Turns(PAUSED_AT_ONCE);

  constructor(options: PausingInsteadOptions) {
    this.#options = options;
  }

  /** See {@link SandboxesContext.pauseInstead}. */
  async pause(sandbox: Sandbox, stop: Stop): Promise<void> {
    const why = REASONS[stop.why] ?? "requested";
    const { isClosing, leaveToNextStart, log } = this.#options;
    for (const afterMs of [...RETRY_AFTER_MS, null]) {
      const error = await this.#attempt(sandbox, why, stop);
      // It waits for that. One that is paused has ended here.
      if (sandbox.isEnding) return await sandbox.end(stop);
      if (!error) return sandbox.goOn();
      const lasts = LASTING.includes(error.code);
      if (isClosing() && !lasts) return await leaveToNextStart(sandbox);
      if (afterMs === null || lasts) {
        log.warn({ err: error, sandbox: sandbox.id, why }, "a sandbox ends because it could not be paused");
        const detail = `${stop.detail ?? ""} It could not be paused: ${error.code}.`.trimStart();
        return await sandbox.end({ ...stop, detail });
      }
      await Promise.race([wait(afterMs, undefined, { ref: false }), sandbox.ended]);
    }
  }

  /** Pauses a sandbox when it is its turn, if it is not needed again by then. */
  async #attempt(sandbox: Sandbox, why: PauseReason, stop: Stop): Promise<ApiError | null> {
    for (;;) {
      // Somebody else may be pausing it, for as long as that takes.
      await sandbox.pausing;
      const outcome = await this.#turns.run(sandbox.organisation.id, async () => {
        if (sandbox.pausing) return "again";
        if (!sandbox.isOver(stop)) return null;
        return await this.#options.pause(sandbox, why, stop.actor).then(
          () => null,
          // The only kind that it throws.
          (error: ApiError) => error,
        );
      });
      if (outcome !== "again") return outcome;
    }
  }
}

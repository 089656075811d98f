import type { MachineExit } from "@sandkeep/host";
import type { Actor, StopReason } from "@sandkeep/protocol";

/** Why and by whom a sandbox ends. */
export interface Stop {
  why: StopReason;
  actor: Actor;
  /** For the operator: appears in the event and the log, not in the close reason. */
  detail?: string;
}

const SYSTEM: Actor = { kind: "system" };
const MACHINE: Actor = { kind: "machine" };

/** For clients of sandboxes that end with the server, or whose machines keep running without it. */
export const GOING_AWAY_TEXT = "The server is going away.";

/** The reason in the close frame that clients receive: at most 123 bytes (RFC 6455, section 5.5). */
export const CLOSE_TEXT: Record<StopReason, string> = {
  killed: "The sandbox was killed.",
  timeout: "The sandbox's time is up.",
  "client-closed": "The sandbox ended with its creator's connection.",
  "client-silent": "The sandbox ended: its creator's connection had been silent for too long.",
  idle: "The sandbox ended: nobody had been connected to it for too long.",
  "powered-off": "The sandbox powered itself off.",
  crashed: "The sandbox's virtual machine crashed.",
  garbage: "The sandbox's virtual machine misbehaved and was ended.",
  "server-stopped": GOING_AWAY_TEXT,
  "server-restarted": "The server was restarted.",
};

/** The same for a sandbox that was paused. */
export const PAUSED_TEXT = "The sandbox was paused. To resume it: sandkeep resume, or Sandbox.resume(id).";

export const idleStop: Stop = { why: "idle", actor: SYSTEM };
export const timeoutStop: Stop = { why: "timeout", actor: SYSTEM };
/** A session that the server, which was killed meanwhile, had begun to pause. */
export const restartStop: Stop = { why: "server-restarted", actor: SYSTEM };
export const serverStop: Stop = { why: "server-stopped", actor: SYSTEM };

/** A session for which no client came: one that was resumed, or a fork. */
export const abandonedStop: Stop = {
  why: "client-closed",
  actor: SYSTEM,
  detail: "No client connected to the session in time.",
};

/** What decides whether a sandbox ends by itself. */
export interface Need {
  /** Epoch milliseconds; null: it is a session. */
  stopAt: number | null;
  /** Whether somebody is connected to it, or on the way through one of its doors. */
  isUsed: boolean;
  /** Whether it is a session whose client has not come yet. */
  awaitsCreator: boolean;
  /** Whether an earlier server had begun to pause or resume it. */
  isKept: boolean;
}

/** Whether a reason to end a sandbox that goes on holds still. */
export function stillHolds(stop: Stop, { stopAt, isUsed, awaitsCreator, isKept }: Need): boolean {
  switch (stop.why) {
    case "idle":
      return !isUsed;
    case "timeout":
      return stopAt !== null && stopAt <= Date.now();
    case "client-closed":
    case "client-silent":
      return stopAt === null && (stop !== abandonedStop || (awaitsCreator && !isUsed));
    // Until somebody extends it, and with that knows that it runs.
    case "server-restarted":
      return isKept;
    default:
      return true;
  }
}

/** Why a sandbox ends when its machine does. */
export function machineStop(exit: MachineExit): Stop {
  switch (exit.reason) {
    case "destroyed":
    case "paused":
      return serverStop;
    case "powered-off":
      return { why: "powered-off", actor: MACHINE };
    case "crashed":
    case "garbage":
      return { why: exit.reason, actor: MACHINE, detail: exit.detail };
  }
}

import type { Guest } from "@sandkeep/host";
import type { Activity } from "@sandkeep/protocol";
import type { WebSocket } from "ws";
import type { Logger } from "../log/logger.ts";

/** What a sandbox's connections speak: the JSON-RPC layer, seen from the sandbox. */
export interface RpcLayer {
  /** State that all connections of one sandbox share. */
  openSession(guest: Guest, context: RpcContext): RpcSession;
  /** Serves one connection until it is closed. */
  serve(socket: WebSocket, session: RpcSession, context: RpcContext): { close(code: number, reason: string): void };
}

export interface RpcContext {
  log: Logger;
  /** Reports what was done in the sandbox. */
  emit(activity: Activity): void;
}

export type RpcSession = AsyncDisposable;

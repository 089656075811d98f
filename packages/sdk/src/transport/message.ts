import type { ErrorObject } from "./error-object.ts";

/** Messages from the server: the responses and notifications of JSON-RPC 2.0. */
export type Message = Response | Notification;

export interface Response {
  id: number;
  /** The sandbox's answer. */
  result?: { ok?: unknown; error?: ErrorObject };
  /** Why the call did not reach the sandbox. */
  error?: { code: number; message: string; data?: unknown };
}

export interface Notification {
  method: string;
  params?: Record<string, unknown>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value has the shape of a message. */
export function isMessage(value: unknown): value is Message {
  if (!isObject(value) || value.jsonrpc !== "2.0") return false;
  if (!("id" in value))
    return typeof value.method === "string" && (value.params === undefined || isObject(value.params));
  if (isObject(value.error)) return typeof value.error.code === "number" && typeof value.error.message === "string";
  return isObject(value.result);
}

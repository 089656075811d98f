/**
 * Hooks: code of whoever runs the server that sees every request before it leaves and every answer before it arrives.
 * It is trusted, and still never sees a secret: requests pass it before values are put in, answers after they were taken out.
 */

/** A request on its way out. */
export interface HookRequest {
  method: string;
  /** With the query. */
  path: string;
  /** Names as sent; those that frame the message are not there. */
  headers: [name: string, value: string][];
  /** Null when there is none. Whoever reads it has to put another in its place. */
  body: ReadableStream<Uint8Array> | null;
}

/** An answer on its way in. */
export interface HookResponse {
  status: number;
  headers: [name: string, value: string][];
  body: ReadableStream<Uint8Array> | null;
}

/** What to do instead of asking the upstream. */
export type HookAnswer =
  /** 403 with this reason. */
  | { deny: string }
  /** This answer. */
  | { answer: { status: number; headers?: [name: string, value: string][]; body?: string | Uint8Array } };

export interface HookContext {
  sandboxId: string;
  scheme: "http" | "https";
  host: string;
  port: number;
  /** The HTTP proxy through which the sandbox sends it, such as `proxy.example.com:3142`; null when it goes to the host itself. */
  via: string | null;
  /** Aborted when the hook has taken too long or the guest has gone. */
  signal: AbortSignal;
}

/** What nothing is returned for stays as it is. A hook that throws, or takes longer than 10 s, makes the request fail with status 502. */
export interface Hooks {
  onRequest?(
    request: HookRequest,
    context: HookContext,
  ): HookRequest | HookAnswer | void | Promise<HookRequest | HookAnswer | void>;
  onResponse?(response: HookResponse, context: HookContext): HookResponse | void | Promise<HookResponse | void>;
}

/**
 * Gives a module of hooks its types. The module is named in the configuration as `egress.hooks`.
 *
 * @example
 * ```ts
 * export default defineHooks({
 *   onRequest(request, { host }) {
 *     if (host === "api.example.com" && request.method === "DELETE") return { deny: "Nothing is deleted from a sandbox." };
 *     return { ...request, headers: [...request.headers, ["x-via", "sandbox"]] };
 *   },
 * });
 * ```
 */
export function defineHooks(hooks: Hooks): Hooks {
  return hooks;
}

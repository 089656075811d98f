/**
 * Hooks: code of the server's operator that sees every request before it leaves and every response before it arrives.
 * Hooks are trusted, yet never see a secret's value: they run on requests before values are substituted, and on responses after values
 * are redacted.
 */

/** A request on its way out. */
export interface HookRequest {
  method: string;
  /** With the query. */
  path: string;
  /** Names as sent, without the headers that frame the message. */
  headers: [name: string, value: string][];
  /** Null when there is none. A hook that reads the body must replace it. */
  body: ReadableStream<Uint8Array> | null;
}

/** A response on its way in. */
export interface HookResponse {
  status: number;
  headers: [name: string, value: string][];
  body: ReadableStream<Uint8Array> | null;
}

/** What to do instead of sending the request to the upstream. */
export type HookAnswer =
  /** Respond with 403 and this reason. */
  | { deny: string }
  /** Respond with this. */
  | { answer: { status: number; headers?: [name: string, value: string][]; body?: string | Uint8Array } };

export interface HookContext {
  sandboxId: string;
  scheme: "http" | "https";
  host: string;
  port: number;
  /** The HTTP proxy that the sandbox sends the request to, such as `proxy.example.com:3142`; null when it goes to the host directly. */
  via: string | null;
  /** Aborted when the hook takes too long or the guest disconnects. */
  signal: AbortSignal;
}

/** A hook that returns nothing leaves the message as it is. A hook that throws, or takes longer than 10 s, fails the request with status 502. */
export interface Hooks {
  onRequest?(
    request: HookRequest,
    context: HookContext,
  ): HookRequest | HookAnswer | void | Promise<HookRequest | HookAnswer | void>;
  onResponse?(response: HookResponse, context: HookContext): HookResponse | void | Promise<HookResponse | void>;
}

/**
 * Gives a hooks module its types. The configuration names the module in `egress.hooks`.
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

/** A request; see {@linkcode Sandbox.fetch}. */
export interface RequestInit {
  /**
   * Its method.
   *
   * @default {"GET"}
   */
  method?: string;
  /** Its headers. */
  headers?: ConstructorParameters<typeof Headers>[0];
  /** Its body, which `GET` and `HEAD` cannot have. A stream is sent as it arrives. */
  body?: ConstructorParameters<typeof Response>[0];
  /**
   * Follow redirects, or return them to the caller.
   *
   * @default {"follow"}
   */
  redirect?: "follow" | "manual";
  /** Ends the request when aborted; the promise then rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

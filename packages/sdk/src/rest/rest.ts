import { ApiError } from "../errors/api.ts";
import { NetworkError } from "../errors/connection.ts";
import type { BaseClientOptions } from "./settings.ts";
import { authHeaders, resolveClient } from "./settings.ts";

/** What a request can have besides its method and path. */
export interface RestOptions {
  /** Query parameters; undefined ones are omitted. */
  query?: Record<string, string | number | undefined>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, instead of a body. */
  content?: RequestInit["body"];
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

type Verb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Sends requests to a REST API with the caller's token, and turns the API's refusals into errors. */
export class Rest {
  readonly #endpoint: string;
  readonly #headers: Record<string, string>;

  constructor(options: { endpoint: string; token: string; org: string | undefined }) {
    this.#endpoint = options.endpoint;
    this.#headers = authHeaders(options.token, options.org);
  }

  /**
   * Sends a request. Rejects with `ApiError` for every status other than 2xx, and with `NetworkError` when there is no
   * response.
   */
  async request(method: Verb, path: string, options: RestOptions = {}): Promise<Response> {
    const response = await this.send(method, path, options);
    if (response.ok) return response;
    throw await refusalOf(response);
  }

  /** Sends a request and accepts any status. Rejects with `NetworkError` when there is no response. */
  async send(method: Verb, path: string, options: RestOptions = {}): Promise<Response> {
    const { query = {}, body, content, headers, signal } = options;
    const url = new URL(path, this.#endpoint);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    try {
      return await fetch(url, {
        method,
        headers: {
          ...this.#headers,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A stream is sent before the response arrives.
        ...(content === undefined ? {} : { body: content, duplex: "half" }),
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      throw new NetworkError(`Cannot reach ${url.origin}: ${reasonOf(error)}`, { cause: error });
    }
  }

  /** Sends a request. Resolves to the JSON in the response. */
  async json<T>(method: Verb, path: string, options?: RestOptions): Promise<T> {
    const response = await this.request(method, path, options);
    return (await response.json()) as T;
  }

  /** Like {@link json}, but resolves to null for "404 Not Found". */
  async jsonOrNull<T>(method: Verb, path: string): Promise<T | null> {
    const response = await this.send(method, path);
    if (response.ok) return (await response.json()) as T;
    const refusal = await refusalOf(response);
    if (refusal.status === 404) return null;
    throw refusal;
  }

  /** Sends a request whose response has no content. */
  async none(method: Verb, path: string, options?: RestOptions): Promise<void> {
    const response = await this.request(method, path, options);
    await response.body?.cancel();
  }
}

/**
 * The REST API that the options and the environment name. Throws `MissingTokenError`, `MissingOrgError`,
 * `InvalidApiEndpoint`.
 */
export function restFor(options?: BaseClientOptions): Rest {
  const { token, org, apiEndpoint } = resolveClient(options);
  return new Rest({ endpoint: apiEndpoint, token, org });
}

/** A path with every value escaped, so that a slug with a `/` stays one segment. */
export function path(strings: TemplateStringsArray, ...values: string[]): string {
  return String.raw({ raw: strings }, ...values.map(encodeURIComponent));
}

async function refusalOf(response: Response): Promise<ApiError> {
  const traceId = response.headers.get("x-deno-trace-id") ?? undefined;
  const text = await response.text().catch(() => "");
  let data: { code?: unknown; message?: unknown } | null;
  try {
    data = JSON.parse(text);
  } catch {
    const message = `The server answered with status ${response.status} and a body that is not JSON: ${text.slice(0, 200)}`;
    return new ApiError(response.status, "INVALID_RESPONSE_BODY", message, traceId);
  }
  if (typeof data?.code === "string" && typeof data.message === "string") {
    return new ApiError(response.status, data.code, data.message, traceId);
  }
  return new ApiError(response.status, "UNKNOWN_ERROR", `The server answered with status ${response.status}`, traceId);
}

/** The reason that fetch hides behind "fetch failed". */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  if (cause instanceof Error) return cause.message || ("code" in cause ? String(cause.code) : cause.name);
  return error instanceof Error ? error.message : String(error);
}

import { CliError, ExitCode } from "../errors.ts";
import { refusal } from "./refusal.ts";
import type { Target } from "./target.ts";

/** The server's REST API; docs/api.md lists its paths. */
export class Api {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Sends a request. Resolves to the JSON in the response, or undefined if it has no body. @throws {CliError} */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, body);
    const text = await response.text();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** Posts bytes as they are. Resolves to the JSON in the response. @throws {CliError} */
  async upload<T>(path: string, content: ReadableStream<Uint8Array>, signal?: AbortSignal): Promise<T> {
    const headers = { "content-type": "application/octet-stream" };
    // Required for a stream; it is in the standard, but not in all type definitions.
    const init = { method: "POST", headers, body: content, duplex: "half" as const };
    return (await (await this.#fetch(path, init, signal)).json()) as T;
  }

  /** Every item of a list, from all its pages. @throws {CliError} */
  async *all<T>(path: string): AsyncGenerator<T> {
    let next: string | undefined = path;
    while (next) {
      const response = await this.send("GET", next);
      yield* (await response.json()) as T[];
      const link: string | undefined = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
      // Use only the path: the server may have another origin for other clients.
      next = link && new URL(link).pathname + new URL(link).search;
    }
  }

  /** Sends a request. @throws {CliError} unless it succeeds */
  async send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const json = body !== undefined && {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    };
    return await this.#fetch(path, { method, ...json }, signal);
  }

  async #fetch(path: string, init: RequestInit, signal: AbortSignal | undefined): Promise<Response> {
    const response = await fetch(new URL(path, this.#target.apiEndpoint), {
      ...init,
      headers: { authorization: `Bearer ${this.#target.token}`, ...init.headers },
      ...(signal && { signal }),
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw unreachable(this.#target.apiEndpoint, error);
    });
    if (!response.ok) throw refusal(response.status, await response.text());
    return response;
  }
}

/** The server does not answer. */
export function unreachable(endpoint: string, error: unknown): CliError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new CliError(
    "UNREACHABLE",
    `no answer from ${endpoint}: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      hint: "check that the server is running and that its address is right",
      exitCode: ExitCode.unreachable,
      cause: error,
    },
  );
}

import { CliError, ExitCode } from "../errors.ts";
import { refusal } from "./refusal.ts";
import type { Target } from "./target.ts";

/** What the server's REST API answers; see docs/api.md for its paths. */
export class Api {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Sends a request and reads the answer's JSON; undefined when it has no body. @throws {CliError} */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, body);
    const text = await response.text();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** Every item of a list, whatever the number of its pages. @throws {CliError} */
  async *all<T>(path: string): AsyncGenerator<T> {
    let next: string | undefined = path;
    while (next) {
      const response = await this.send("GET", next);
      yield* (await response.json()) as T[];
      const link: string | undefined = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
      // Only the path counts: the link's origin may be the one that others know the server by.
      next = link && new URL(link).pathname + new URL(link).search;
    }
  }

  /** Sends a request. @throws {CliError} for every answer but success */
  async send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const response = await fetch(new URL(path, this.#target.apiEndpoint), {
      method,
      headers: {
        authorization: `Bearer ${this.#target.token}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw unreachable(this.#target.apiEndpoint, error);
    });
    if (!response.ok) throw refusal(response.status, await response.text());
    return response;
  }
}

/** No answer from a server. */
export function unreachable(endpoint: string, error: unknown): CliError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new CliError(
    "UNREACHABLE",
    `no answer from ${endpoint}: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      hint: "check that the server is running, and its address",
      exitCode: ExitCode.unreachable,
      cause: error,
    },
  );
}

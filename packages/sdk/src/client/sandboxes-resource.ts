import { labelQuery } from "../rest/labels.ts";
import { Page } from "../rest/page.ts";
import type { PaginatedList } from "../rest/pagination.ts";
import type { Rest } from "../rest/rest.ts";
import type { BaseClientOptions } from "../rest/settings.ts";
import type { ConnectOptions, ResumeOptions, SandboxOptions } from "../sandbox/options.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import type { Sandboxes, SandboxesListOptions, SandboxMetadata } from "./sandboxes.ts";

type Listed = Omit<SandboxMetadata, "createdAt" | "stoppedAt"> & { createdAt: string; stoppedAt: string | null };

/** Sandboxes over REST. */
export class SandboxesResource implements Sandboxes {
  readonly #rest: Rest;
  readonly #defaults: BaseClientOptions;

  constructor(rest: Rest, defaults: BaseClientOptions) {
    this.#rest = rest;
    this.#defaults = defaults;
  }

  create(options: SandboxOptions = {}): Promise<Sandbox> {
    return Sandbox.create({ ...this.#defaults, ...options });
  }

  connect(id: string, options: ConnectOptions = {}): Promise<Sandbox> {
    return Sandbox.connect(id, { ...this.#defaults, ...options });
  }

  resume(id: string, options: ResumeOptions = {}): Promise<Sandbox> {
    return Sandbox.resume(id, { ...this.#defaults, ...options });
  }

  async list({ labels }: SandboxesListOptions = {}): Promise<SandboxMetadata[]> {
    // A single page, unless the server splits long lists.
    return await Array.fromAsync(await this.#page(labels));
  }

  async #page(labels: Record<string, string> | undefined, cursor?: string): Promise<PaginatedList<SandboxMetadata>> {
    const response = await this.#rest.request("GET", "/api/v2/sandboxes", { query: { cursor, ...labelQuery(labels) } });
    return Page.of(
      response,
      (next) => this.#page(labels, next),
      (items: Listed[]) => items.map(toMetadata),
    );
  }
}

function toMetadata({ createdAt, stoppedAt, ...rest }: Listed): SandboxMetadata {
  return { ...rest, createdAt: new Date(createdAt), stoppedAt: stoppedAt ? new Date(stoppedAt) : null };
}

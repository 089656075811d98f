import { path, type Rest } from "../rest/rest.ts";
import { readLog } from "./log.ts";
import type { SandboxEgress } from "./sandbox-egress.ts";
import type { EgressEvent, EgressLogOptions, EgressPolicy, EgressState, SecretInfo, SecretUpdate } from "./types.ts";

/** A list that replaces another one, or what to add to it or remove from it. */
type ListChange = string[] | null | { add?: string[]; remove?: string[] };

/** Implements {@linkcode SandboxEgress} over the REST API. */
export class RemoteEgress implements SandboxEgress {
  readonly #rest: Rest;
  readonly #sandboxId: string;

  constructor(rest: Rest, sandboxId: string) {
    this.#rest = rest;
    this.#sandboxId = sandboxId;
  }

  async get(): Promise<EgressState> {
    return await this.#rest.json("GET", this.#path());
  }

  async allow(...patterns: string[]): Promise<EgressState> {
    return await this.#change({ allow: { add: patterns } });
  }

  async disallow(...patterns: string[]): Promise<EgressState> {
    return await this.#change({ allow: { remove: patterns } });
  }

  async deny(...patterns: string[]): Promise<EgressState> {
    return await this.#change({ deny: { add: patterns } });
  }

  async set({ allow, deny, rules }: Partial<EgressPolicy>): Promise<EgressState> {
    return await this.#change({ allow, deny, rules });
  }

  async setSecret(name: string, { value, hosts, in: places, placeholder }: SecretUpdate): Promise<SecretInfo> {
    return await this.#rest.json("PUT", this.#secretPath(name), { body: { value, hosts, in: places, placeholder } });
  }

  async revokeSecret(name: string): Promise<void> {
    await this.#rest.none("DELETE", this.#secretPath(name));
  }

  log(options: EgressLogOptions = {}): AsyncGenerator<EgressEvent> {
    return readLog(this.#rest, this.#sandboxId, options);
  }

  async #change(body: {
    allow?: ListChange | undefined;
    deny?: ListChange | undefined;
    rules?: EgressPolicy["rules"] | undefined;
  }): Promise<EgressState> {
    return await this.#rest.json("PATCH", this.#path(), { body });
  }

  #path(): string {
    return path`/api/v1/sandboxes/${this.#sandboxId}/egress`;
  }

  #secretPath(name: string): string {
    return path`/api/v1/sandboxes/${this.#sandboxId}/egress/secrets/${name}`;
  }
}

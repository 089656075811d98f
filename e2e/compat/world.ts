import { join } from "node:path";
import { Sandbox, type SecretConfig } from "sandkeep";
import { TestAuthority } from "../egress/fixture/authority.ts";
import { startWithUpstreams } from "../egress/fixture/installation.ts";
import { Guest } from "./guest.ts";
import { startUpstreams, type Upstreams } from "./servers/mod.ts";
import type { Upstream } from "./servers/upstream.ts";
import { Tools } from "./tools.ts";

const CLIENTS = join(import.meta.dirname, "clients");

/** Named upstreams, a server that knows them, and a sandbox that may reach only them. */
export class World implements AsyncDisposable {
  readonly authority: TestAuthority;
  readonly upstreams: Upstreams;
  readonly guest: Guest;
  readonly tools: Tools;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    authority: TestAuthority,
    upstreams: Upstreams,
    guest: Guest,
    tools: Tools,
    owned: AsyncDisposableStack,
  ) {
    this.authority = authority;
    this.upstreams = upstreams;
    this.guest = guest;
    this.tools = tools;
    this.#owned = owned;
  }

  static async create(): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const authority = stack.use(await TestAuthority.create());
    const upstreams = await startUpstreams(authority, stack);
    const all: Upstream[] = Object.values(upstreams);
    const hosts = Object.fromEntries(all.map(({ host, port }) => [host, `127.0.0.1:${port}`]));
    const server = stack.use(await startWithUpstreams({ hosts, authority }));
    Object.assign(process.env, server.env);
    const guest = stack.use(
      await createGuest(
        upstreams,
        all.map(({ allow }) => allow),
      ),
    );
    return new World(authority, upstreams, guest, await Tools.create(guest), stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/**
 * A sandbox with the clients and a secret for each upstream, approved only for its host. Without `allowNet`, it may
 * reach the public internet.
 */
export async function createGuest(upstreams: Upstreams, allowNet?: string[]): Promise<Guest> {
  const secrets: Record<string, SecretConfig> = {};
  for (const { host, credential } of Object.values<Upstream>(upstreams)) {
    if (credential) secrets[credential.variable] = { hosts: [host], value: credential.value };
  }
  const guest = new Guest(await Sandbox.create({ secrets, ...(allowNet && { allowNet }) }));
  // Into its home, as `clients/`.
  await guest.upload(CLIENTS, ".");
  return guest;
}

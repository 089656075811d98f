import { join } from "node:path";
import { Sandbox } from "sandkeep";
import { TestAuthority } from "../egress/fixture/authority.ts";
import { startWithUpstreams } from "../egress/fixture/installation.ts";
import { Guest } from "./guest.ts";
import type { Upstream } from "./servers/upstream.ts";
import { startWeb } from "./servers/web.ts";

const CLIENTS = join(import.meta.dirname, "clients");

/** Every upstream, by what it serves. */
export async function startUpstreams(authority: TestAuthority) {
  return { web: await startWeb(authority) };
}
export type Upstreams = Awaited<ReturnType<typeof startUpstreams>>;

/** Upstreams under names, a server that knows them, and a sandbox that may reach them and nothing else. */
export class World implements AsyncDisposable {
  readonly upstreams: Upstreams;
  readonly guest: Guest;
  readonly #owned: AsyncDisposableStack;

  private constructor(upstreams: Upstreams, guest: Guest, owned: AsyncDisposableStack) {
    this.upstreams = upstreams;
    this.guest = guest;
    this.#owned = owned;
  }

  static async create(): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const authority = stack.use(await TestAuthority.create());
    const upstreams = await startUpstreams(authority);
    const all: Upstream[] = Object.values(upstreams);
    for (const upstream of all) stack.use(upstream);
    const hosts = Object.fromEntries(all.map(({ host, port }) => [host, `127.0.0.1:${port}`]));
    const server = stack.use(await startWithUpstreams({ hosts, authority }));
    Object.assign(process.env, server.env);
    const guest = stack.use(new Guest(await Sandbox.create({ allowNet: Object.keys(hosts), secrets: secretsOf(all) })));
    await guest.upload(CLIENTS, "clients");
    return new World(upstreams, guest, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** The secrets of upstreams, each approved for its own host only. */
export function secretsOf(upstreams: Upstream[]) {
  return Object.fromEntries(upstreams.flatMap(({ host, credential }) => credential ? [[credential.variable, { hosts: [host], value: credential.value }]] : []));
}

import { KeyedQueue } from "@sandkeep/common";
import type { DoorStream, HttpDoor, HttpDoors } from "@sandkeep/doors";
import { newDoorId } from "@sandkeep/protocol";
import type { TimelineRecord } from "@sandkeep/store";
import { type Addresses, REVISION_PREFIX } from "../../doors/addresses.ts";
import type { InstancesContext } from "../context.ts";
import { AppServer, type Served } from "./app-server.ts";

/** Where production of an app is. */
export const PRODUCTION = "production";
/** Whoever came before an address led elsewhere has this long to be served, at least, milliseconds. */
const LEAVING_MS = 1_000;

/** The timeline of a revision's preview. */
export const previewOf = (revision: string) => `preview/${revision}`;

/** First label of the host name of a timeline. */
export function timelineName({ app, slug, revision }: Pick<TimelineRecord, "app" | "slug" | "revision">): string {
  return slug === PRODUCTION ? app.slug : REVISION_PREFIX + revision;
}

/** An address of an app, as long as it leads to the same revision. */
class AppDoor implements HttpDoor {
  readonly id: string;
  readonly host: string;
  readonly sandboxId: string;
  readonly organisation: string;
  readonly auth = "none";
  readonly server: AppServer;
  readonly #visitors = new Set<() => void>();
  #closed = false;

  constructor(host: string, server: AppServer) {
    const { app, organisation } = server.served;
    // Not that of an earlier one with the same name, through which somebody may still be served.
    this.id = newDoorId();
    this.host = host;
    this.sandboxId = app.id;
    this.organisation = organisation.id;
    this.server = server;
  }

  onClose(close: () => void): Disposable {
    if (this.#closed) close();
    else this.#visitors.add(close);
    return { [Symbol.dispose]: () => void this.#visitors.delete(close) };
  }

  close(): void {
    this.#closed = true;
    const visitors = [...this.#visitors];
    this.#visitors.clear();
    for (const leave of visitors) leave();
  }
}

/** Which addresses of apps there are, and what they lead to. Everything else is a sandbox's. */
export class AppDoors implements HttpDoors {
  readonly #context: InstancesContext & { addresses: Addresses };
  readonly #others: HttpDoors;
  readonly #byHost = new Map<string, AppDoor>();
  /** By app, context and revision. */
  readonly #servers = new Map<string, AppServer>();
  /** Those that no address leads to any more, until whoever came through them has left. */
  readonly #leaving = new Map<AppDoor, NodeJS.Timeout>();
  readonly #changes = new KeyedQueue();

  constructor(context: InstancesContext & { addresses: Addresses }, others: HttpDoors) {
    this.#context = context;
    this.#others = others;
  }

  /** Learns what is stored. */
  async load(): Promise<void> {
    for (const timeline of await this.#context.store.revisions.allTimelines()) this.#lead(timeline);
  }

  /** Something that concerns the addresses of an app has changed in the store. */
  refresh(app: string): Promise<void> {
    return this.#changes.run(app, async () => {
      const timelines = await this.#context.store.revisions.timelines({ app });
      const hosts = new Set(timelines.map((timeline) => this.#lead(timeline)));
      for (const door of this.#byHost.values())
        if (door.server.served.app.id === app && !hosts.has(door.host)) this.#retire(door);
    });
  }

  /** The server of a revision in a context; there is one. */
  server(served: Served): AppServer {
    const key = keyOf(served);
    let server = this.#servers.get(key);
    if (!server) this.#servers.set(key, (server = new AppServer(served, this.#context)));
    return server;
  }

  /** Ends all instances of a revision, or of an app, for good. */
  async stop(of: { revision: string } | { app: string }): Promise<void> {
    const [concerned, rest] = [[] as AppServer[], [] as AppDoor[]];
    for (const [key, server] of this.#servers) {
      const { app, revision } = server.served;
      if ("app" in of ? app.id !== of.app : revision !== of.revision) continue;
      this.#servers.delete(key);
      concerned.push(server);
    }
    for (const door of [...this.#byHost.values(), ...this.#leaving.keys()])
      if (concerned.includes(door.server)) rest.push(door);
    for (const door of rest) this.#close(door);
    await Promise.all(concerned.map((server) => server.stop()));
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const door of [...this.#byHost.values(), ...this.#leaving.keys()]) this.#close(door);
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
  }

  find(host: string): HttpDoor | undefined {
    return this.#byHost.get(host) ?? this.#others.find(host);
  }

  accepts(door: HttpDoor, token: string): number | null {
    return door instanceof AppDoor ? null : this.#others.accepts(door, token);
  }

  dial(door: HttpDoor): Promise<DoorStream> {
    return door instanceof AppDoor ? door.server.dial() : this.#others.dial(door);
  }

  /** An app's instance is started by the one who dials. */
  sleeps(door: HttpDoor): boolean {
    return !(door instanceof AppDoor) && this.#others.sleeps(door);
  }

  async wake(door: HttpDoor, remote: string, signal: AbortSignal): Promise<void> {
    if (!(door instanceof AppDoor)) await this.#others.wake(door, remote, signal);
  }

  onClose(door: HttpDoor, close: () => void): Disposable {
    return door instanceof AppDoor ? door.onClose(close) : this.#others.onClose(door, close);
  }

  /** Returns the host name that leads there now. */
  #lead(timeline: TimelineRecord): string {
    const host = this.#context.addresses.host(timelineName(timeline));
    const before = this.#byHost.get(host);
    const server = this.server(timeline);
    if (before?.server === server) return host;
    if (before) this.#retire(before);
    this.#byHost.set(host, new AppDoor(host, server));
    return host;
  }

  /** New visitors do not come through it any more. It closes when its instance has ended, which nobody uses soon. */
  #retire(door: AppDoor): void {
    if (this.#byHost.get(door.host) === door) this.#byHost.delete(door.host);
    const look = setInterval(() => {
      if (door.server.isBusy) return;
      this.#close(door);
      const { served } = door.server;
      if (![...this.#byHost.values()].some(({ server }) => server === door.server)) this.#servers.delete(keyOf(served));
    }, LEAVING_MS).unref();
    this.#leaving.set(door, look);
  }

  #close(door: AppDoor): void {
    clearInterval(this.#leaving.get(door));
    this.#leaving.delete(door);
    if (this.#byHost.get(door.host) === door) this.#byHost.delete(door.host);
    door.close();
  }
}

const keyOf = ({ app, context, revision }: Served) => `${app.id} ${context} ${revision}`;

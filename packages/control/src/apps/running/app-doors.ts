import { SerialQueue } from "@sandkeep/common";
import type { DoorStream, HttpDoor, HttpDoors } from "@sandkeep/doors";
import { newDoorId } from "@sandkeep/protocol";
import type { TimelineRecord } from "@sandkeep/store";
import { type Addresses, REVISION_PREFIX } from "../../doors/addresses.ts";
import type { InstancesContext } from "../context.ts";
import { AppServer, type Served } from "./app-server.ts";

/** Where production of an app is. */
export const PRODUCTION = "production";
/** How often it is looked whether those have left who came before an address led elsewhere, milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** How often that is, ten minutes: the connection of a browser may stay open for days, and its machine with it. */
const LOOKS = 600;
/** After this long, addresses that could not be read from the store are read again, milliseconds. */
const AGAIN_MS = 1_000;

/** The timeline of a revision's preview. */
export const previewOf = (revision: string) => `preview/${revision}`;

/** First label of the host name of a timeline. */
export function timelineName({ app, slug, revision }: Pick<TimelineRecord, "app" | "slug" | "revision">): string {
  return slug === PRODUCTION ? app.slug : REVISION_PREFIX + revision;
}

/** An address of an app, as long as it leads to the same revision. */
class AppDoor implements HttpDoor {
  readonly id: string;
  /** Changes when the app is renamed. */
  host: string;
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
  /** Those that no address leads to any more, until whoever came through them has left; how often that was looked. */
  readonly #leaving = new Map<AppDoor, number>();
  #looking: NodeJS.Timeout | undefined;
  /** One after another, as a name may go from one app to another. */
  readonly #changes = new SerialQueue();
  /** Apps whose addresses could not be read. */
  readonly #again = new Map<string, NodeJS.Timeout>();
  #closed = false;

  constructor(context: InstancesContext & { addresses: Addresses }, others: HttpDoors) {
    this.#context = context;
    this.#others = others;
  }

  /** Learns what is stored. */
  async load(): Promise<void> {
    for (const timeline of await this.#context.store.revisions.allTimelines()) this.#lead(timeline);
  }

  /**
   * Something that concerns the addresses of an app has changed in the store. That cannot be undone, so this never rejects: what
   * could not be read is read again.
   */
  async refresh(app: string): Promise<void> {
    try {
      await this.#changes.run(() => this.#refresh(app));
    } catch (err) {
      this.#context.log.error({ err, app }, "the addresses of an app could not be read, which is tried again");
      if (this.#closed || this.#again.has(app)) return;
      const again = () => (this.#again.delete(app), void this.refresh(app));
      this.#again.set(app, setTimeout(again, AGAIN_MS));
    }
  }

  async #refresh(app: string): Promise<void> {
    const timelines = await this.#context.store.revisions.timelines({ app });
    if (this.#closed) return;
    const hosts = new Set(timelines.map((timeline) => this.#hostOf(timeline)));
    const former = new Set(
      [...this.#byHost.values()].filter(({ host, server }) => server.served.app.id === app && !hosts.has(host)),
    );
    for (const timeline of timelines) this.#lead(timeline, former);
    for (const door of former) this.#retire(door);
  }

  /** Starts what an address leads to before anybody comes. If that fails, it is tried again then, and the app's log says so. */
  warm(name: string): void {
    const door = this.#byHost.get(this.#context.addresses.host(name));
    door?.server.start().catch(() => {});
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
    this.#closed = true;
    for (const timer of this.#again.values()) clearTimeout(timer);
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

  #hostOf(timeline: TimelineRecord): string {
    return this.#context.addresses.host(timelineName(timeline));
  }

  /** @param former doors at addresses that the app has no more: whoever is there stays if only the name has changed */
  #lead(timeline: TimelineRecord, former = new Set<AppDoor>()): void {
    const host = this.#hostOf(timeline);
    const before = this.#byHost.get(host);
    const server = this.server(timeline);
    if (before?.server === server) return;
    if (before) this.#retire(before);
    const door = [...former].find((one) => one.server === server) ?? new AppDoor(host, server);
    if (former.delete(door)) this.#byHost.delete(door.host);
    door.host = host;
    this.#byHost.set(host, door);
  }

  /** New visitors do not come through it any more. It closes when its instance has ended, which nobody uses soon. */
  #retire(door: AppDoor): void {
    if (this.#byHost.get(door.host) === door) this.#byHost.delete(door.host);
    this.#leaving.set(door, 0);
    this.#looking ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  /** Closes those that nobody uses, and those that have been used for too long. */
  #look(): void {
    for (const [door, looks] of this.#leaving) {
      this.#leaving.set(door, looks + 1);
      // Whoever has found it just before must still be served.
      if (looks < (door.server.isBusy ? LOOKS : 1)) continue;
      this.#close(door);
      const doors = [...this.#byHost.values(), ...this.#leaving.keys()];
      if (doors.some(({ server }) => server === door.server)) continue;
      this.#servers.delete(keyOf(door.server.served));
      door.server.stop().catch((err: unknown) => this.#context.log.error({ err }, "an app's machine was not ended"));
    }
  }

  #close(door: AppDoor): void {
    this.#leaving.delete(door);
    if (this.#leaving.size === 0) {
      clearInterval(this.#looking);
      this.#looking = undefined;
    }
    if (this.#byHost.get(door.host) === door) this.#byHost.delete(door.host);
    door.close();
  }
}

const keyOf = ({ app, context, revision }: Served) => `${app.id} ${context} ${revision}`;

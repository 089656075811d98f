/** Egress of a host's machines: the proxies, and the events they report. */
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import type { Logger } from "@sandkeep/common";
import { type EgressConfig, EgressProxies, type EgressSpec } from "@sandkeep/egress";
import type { JailKind } from "@sandkeep/jail";
import type { MachineRegistry } from "../machines/registry.ts";
import type { EgressEvents } from "./events.ts";

export interface HostEgressOptions {
  /** The host's id. */
  hostId: string;
  /** Folder of the proxies' CA and its key for sealed secrets. */
  dir: string;
  config: EgressConfig;
  /** Folder for the ports of machines. */
  folder: string;
  jail: JailKind;
  machines: MachineRegistry;
  /** Receives the proxies' events. */
  events: EgressEvents;
  log: Logger;
}

export class HostEgress implements AsyncDisposable {
  readonly #events: EgressEvents;
  readonly #proxies: EgressProxies;

  constructor({ hostId, dir, config, folder, jail, machines, events, log }: HostEgressOptions) {
    this.#events = events;
    this.#proxies = new EgressProxies({
      hostId,
      dir,
      folder,
      jail,
      config,
      compileCache: compileCache(),
      log,
      onEvent: (id, event) => {
        machines.get(id)?.meter.count(event);
        return events.push(id, event);
      },
      onViolation: (id, detail) => machines.get(id)?.violation(`egress: ${detail}`),
    });
  }

  /** @throws {Error} when the proxy cannot use the spec */
  async attach(id: string, owner: string, socket: string, spec: EgressSpec): Promise<void> {
    this.#events.enter(id, owner);
    await this.#proxies.attach(id, socket, spec);
  }

  /** In force when this resolves. @throws {Error} when the proxy cannot use the spec */
  async update(id: string, owner: string, spec: EgressSpec): Promise<void> {
    this.#events.enter(id, owner);
    await this.#proxies.update(id, spec);
  }

  detach(id: string): void {
    this.#proxies.detach(id);
    this.#events.leave(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxies[Symbol.asyncDispose]();
  }
}

/** Where Node keeps what it has compiled of this process, if it does: folders for each version and its flags. */
function compileCache(): string | null {
  const folder = getCompileCacheDir();
  return folder === undefined ? null : dirname(folder);
}

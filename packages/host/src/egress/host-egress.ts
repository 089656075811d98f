/** Egress of a host's machines: one proxy for all of them, and the events it reports. */
import type { Logger } from "@sandkeep/common";
import { type EgressConfig, type EgressSpec, ProxySupervisor } from "@sandkeep/egress";
import type { MachineRegistry } from "../machines/registry.ts";
import type { EgressEvents } from "./events.ts";

export interface HostEgressOptions {
  /** Folder of the proxy's CA and its key for sealed secrets. */
  dir: string;
  config: EgressConfig;
  machines: MachineRegistry;
  /** Receives the proxy's events. */
  events: EgressEvents;
  log: Logger;
}

export class HostEgress implements AsyncDisposable {
  readonly #events: EgressEvents;
  readonly #proxy: ProxySupervisor;

  constructor({ dir, config, machines, events, log }: HostEgressOptions) {
    this.#events = events;
    this.#proxy = new ProxySupervisor({
      dir,
      config,
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
    await this.#proxy.attach(id, socket, spec);
  }

  /** In force when this resolves. @throws {Error} when the proxy cannot use the spec */
  async update(id: string, owner: string, spec: EgressSpec): Promise<void> {
    this.#events.enter(id, owner);
    await this.#proxy.update(id, spec);
  }

  detach(id: string): void {
    this.#proxy.detach(id);
    this.#events.leave(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
  }
}

/** The proxy processes of a host. */
import { mkdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Logger } from "@sandkeep/common";
import { type JailKind, seccompFilter } from "@sandkeep/jail";
import type { EgressConfig, EgressSpec } from "../contract.ts";
import { type Code, proxyCode } from "./code.ts";
import { JailedProxy, PACKAGE } from "./jailed-proxy.ts";
import { Provisioner } from "./provisioner.ts";
import { ProxySupervisor, type ProxySupervisorOptions } from "./supervisor.ts";

export interface EgressProxiesOptions extends Pick<ProxySupervisorOptions, "hostId" | "onEvent" | "onViolation"> {
  /** Folder with the CA and the key for sealed secrets. */
  dir: string;
  /** Folder for the ports of sandboxes, on the same file system as their sockets. It is created; what was in it is removed. */
  folder: string;
  config: EgressConfig;
  jail: JailKind;
  log: Logger;
}

/** Runs the proxies, and gives each sandbox one of them. */
export class EgressProxies implements AsyncDisposable {
  readonly #proxies: ProxySupervisor[];
  readonly #provisioner: Provisioner;
  readonly #folder: string;
  /** By sandbox. */
  readonly #serving = new Map<string, ProxySupervisor>();

  constructor({ hostId, dir, folder, config, jail, log, onEvent, onViolation }: EgressProxiesOptions) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o700 });
    this.#folder = folder;
    this.#provisioner = new Provisioner(dir, config, (resolvers) => {
      for (const proxy of this.#proxies) proxy.useResolvers(resolvers);
    });
    const filter = seccompFilter();
    if (filter === null)
      log.warn({}, "the egress proxies have no seccomp filter: this kernel has none, or its architecture is unknown");
    const ended = JailedProxy.endLeftBehind(hostId, folder).catch((error: unknown) =>
      log.warn({ error: String(error) }, "what an earlier egress proxy left behind was not looked for"),
    );
    let code: Promise<Code> | null = null;
    this.#proxies = Array.from(
      { length: config.processes ?? availableParallelism() },
      (_, index) =>
        new ProxySupervisor({
          hostId,
          config,
          jail,
          folder: join(folder, String(index)),
          code: () => {
            code ??= Promise.all([proxyCode(PACKAGE, config.hooks, dir), ended])
              .then(([code]) => code)
              .catch((error) => {
                code = null;
                throw error;
              });
            return code;
          },
          provisions: () => this.#provisioner.load(),
          filter,
          log,
          onEvent,
          onViolation,
        }),
    );
  }

  /** Process ids of the proxies that are running. */
  get pids(): number[] {
    return this.#proxies.flatMap(({ pid }) => pid ?? []);
  }

  /** The process that serves a sandbox; null while it is restarting, and for unknown sandboxes. */
  pidOf(id: string): number | null {
    return this.#serving.get(id)?.pid ?? null;
  }

  /** Serves a sandbox with the proxy that has the fewest; see {@link ProxySupervisor.attach}. @throws {Error} */
  async attach(id: string, socket: string, spec: EgressSpec): Promise<void> {
    const proxy =
      this.#serving.get(id) ?? this.#proxies.reduce((least, other) => (other.size < least.size ? other : least));
    this.#serving.set(id, proxy);
    for (const other of this.#proxies) if (other !== proxy) other.forget(id);
    await proxy.attach(id, socket, spec);
  }

  /** Changes what a sandbox may reach; see {@link ProxySupervisor.update}. @throws {Error} */
  async update(id: string, spec: EgressSpec): Promise<void> {
    const proxy = this.#serving.get(id);
    if (!proxy) throw new Error("The machine has no egress.");
    await proxy.update(id, spec);
  }

  detach(id: string): void {
    this.#serving.get(id)?.detach(id);
    this.#serving.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#provisioner[Symbol.dispose]();
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

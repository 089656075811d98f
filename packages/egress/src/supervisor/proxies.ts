/** The proxy processes of a host. */
import { mkdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Logger } from "@sandkeep/common";
import { type JailKind, seccompFilter } from "@sandkeep/jail";
import type { EgressConfig, EgressSpec } from "../contract.ts";
import { AvailableCode } from "./available-code.ts";
import { JailedProxy } from "./jailed-proxy.ts";
import { Provisioner } from "./provisioner.ts";
import { ProxySupervisor, type ProxySupervisorOptions } from "./supervisor.ts";

export interface EgressProxiesOptions extends Pick<ProxySupervisorOptions, "hostId" | "onEvent" | "onViolation"> {
  /** Folder with the CA and the key for sealed secrets. */
  dir: string;
  /** Folder for the ports of sandboxes, on the same file system as their sockets. It is created; what was in it is removed. */
  folder: string;
  config: EgressConfig;
  jail: JailKind;
  /** Folder of Node's compile cache, for the proxies' code; by default they have none. Nobody else can write to it. */
  compileCache?: string | null;
  log: Logger;
}

/** Runs the proxies, and gives each sandbox one of them. */
export class EgressProxies implements AsyncDisposable {
  readonly #proxies: ProxySupervisor[];
  readonly #provisioner: Provisioner;
  readonly #folder: string;
  readonly #code: AvailableCode;
  /** By sandbox. */
  readonly #serving = new Map<string, ProxySupervisor>();

  constructor(options: EgressProxiesOptions) {
    const { hostId, dir, folder, config, jail, compileCache = null, log, onEvent, onViolation } = options;
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
    this.#code = new AvailableCode({ hooks: config.hooks, hidden: dir, compileCache, log });
    this.#proxies = Array.from(
      { length: config.processes ?? availableParallelism() },
      (_, index) =>
        new ProxySupervisor({
          hostId,
          config,
          jail,
          folder: join(folder, String(index)),
          code: () => ended.then(() => this.#code.find()),
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
    await this.#code[Symbol.asyncDispose]();
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

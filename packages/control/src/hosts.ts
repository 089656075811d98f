import type { Host, HostInfo } from "@sandkeep/host";

/** The hosts of this server; chooses the one for the next machine. */
export class Hosts {
  readonly all: readonly Host[];

  /** @throws {Error} if there is none, or the same one twice */
  constructor(hosts: readonly Host[]) {
    if (hosts.length === 0) throw new Error("A server needs at least one host.");
    const ids = new Set(hosts.map(({ id }) => id));
    if (ids.size < hosts.length) throw new Error(`Two hosts have the same id: ${[...ids].join(", ")}.`);
    this.all = hosts;
  }

  get ids(): string[] {
    return this.all.map(({ id }) => id);
  }

  get(id: string): Host | undefined {
    return this.all.find((host) => host.id === id);
  }

  /** The host with the most free memory. */
  async roomiest(): Promise<Host> {
    if (this.all.length === 1) return this.all[0]!;
    const free = await Promise.all(
      this.all.map((host) =>
        host.info().then(
          ({ freeMemoryMiB }) => freeMemoryMiB,
          // A host that does not answer gets no machine.
          () => -1,
        ),
      ),
    );
    return this.all[free.indexOf(Math.max(...free))]!;
  }

  /** Totals of all hosts; versions and the like are those of the first host. */
  async summary(): Promise<Omit<HostInfo, "id" | "freeMemoryMiB">> {
    const infos = await Promise.all(this.all.map((host) => host.info()));
    const { acceleration, jail, versions } = infos[0]!;
    const sum = (count: (info: HostInfo) => number) => infos.reduce((total, info) => total + count(info), 0);
    return {
      acceleration,
      jail,
      versions,
      machines: sum(({ machines }) => machines),
      waiting: {
        processes: sum(({ waiting }) => waiting.processes),
        clones: sum(({ waiting }) => waiting.clones),
        hot: sum(({ waiting }) => waiting.hot),
      },
      memoryBudgetMiB: sum(({ memoryBudgetMiB }) => memoryBudgetMiB),
    };
  }

  async close(options: { leaveKept: boolean }): Promise<void> {
    await Promise.all(this.all.map((host) => host.close(options)));
  }
}

import type { EgressSpec } from "@sandkeep/egress";
import type { ForkSpec } from "@sandkeep/host";
import { type Actor, ApiError, type ForkRequest, newSandboxId, parseLifetime } from "@sandkeep/protocol";
import type { AttachedDisk, SandboxRecord } from "@sandkeep/store";
import { networkRecord } from "../egress/views.ts";
import { firstStop } from "../sandboxes/lifetime.ts";
import type { SandboxesContext } from "../sandboxes/options.ts";
import { Sandbox } from "../sandboxes/sandbox.ts";
import { forkFailure, refuseVolumes } from "./failures.ts";
import { forkEgress } from "./fork-egress.ts";
import type { SandboxTable } from "./sandbox-table.ts";

interface Child {
  record: SandboxRecord;
  egress: EgressSpec;
  attached: AttachedDisk[];
  /** Its place among the organisation's sandboxes. */
  leave: () => void;
}

/** Makes children of running sandboxes. */
export class Forking {
  readonly #context: SandboxesContext;
  readonly #table: SandboxTable;

  constructor(context: SandboxesContext, table: SandboxTable) {
    this.#context = context;
    this.#table = table;
  }

  /**
   * Makes children of a sandbox: all of them, or none.
   *
   * @throws {ApiError}
   */
  async fork(parent: Sandbox, request: ForkRequest, actor: Actor): Promise<Sandbox[]> {
    const { events, log } = this.#context;
    const started = performance.now();
    const subject = { organisation: parent.organisation, sandbox: parent.id, actor };
    const took = () => Math.round(performance.now() - started);
    try {
      const children = await this.#table.busy(() => this.#fork(parent, request, actor, took));
      const ids = children.map(({ id }) => id);
      events.publish(subject, {
        kind: "sandbox.forked",
        outcome: "ok",
        data: { children: ids, durationMs: took() },
      });
      log.info({ sandbox: parent.id, children: ids, durationMs: took() }, "sandbox forked");
      return children;
    } catch (cause) {
      const ended = parent.isEnding && !(cause instanceof ApiError);
      const error = ended
        ? new ApiError("SANDBOX_NOT_FOUND", undefined, { cause })
        : forkFailure(cause, "The sandbox could not be forked.");
      events.publish(subject, {
        kind: "sandbox.forked",
        outcome: "failed",
        data: { children: [], durationMs: took(), error: error.code },
      });
      throw error;
    }
  }

  async #fork(parent: Sandbox, request: ForkRequest, actor: Actor, took: () => number): Promise<Sandbox[]> {
    const { limits } = this.#context;
    const now = Date.now();
    const { timeout } = request;
    const stopAt =
      timeout === undefined ? parent.record.stopAt : firstStop(parseLifetime(timeout), now, limits.maxLifetimeMs);
    const places: (() => void)[] = [];
    try {
      for (let n = 0; n < request.count; n++) places.push(this.#table.enter(parent.organisation.id));
      return await parent.quietly(async (spec, attached) => {
        refuseVolumes(attached);
        const children = places.map((leave) => this.#child(parent, request, { spec, attached, stopAt, now, leave }));
        return await this.#make(parent, children, actor, took);
      });
    } catch (error) {
      for (const leave of places) leave();
      throw error;
    }
  }

  #child(
    { record: parent }: Sandbox,
    { labels }: ForkRequest,
    {
      spec,
      attached,
      stopAt,
      now,
      leave,
    }: Pick<Child, "leave"> & {
      spec: EgressSpec;
      attached: readonly AttachedDisk[];
      stopAt: number | null;
      now: number;
    },
  ): Child {
    const id = newSandboxId(this.#context.region);
    const egress = forkEgress(spec);
    return {
      record: {
        ...parent,
        id,
        parent: parent.id,
        createdAt: now,
        stopAt,
        labels: labels ?? parent.labels,
        network: networkRecord(egress),
      },
      egress,
      attached: attached.map((disk) => ({ ...disk, sandbox: id })),
      leave,
    };
  }

  async #make(parent: Sandbox, children: Child[], actor: Actor, took: () => number): Promise<Sandbox[]> {
    const { hosts, leases, store, egressLog } = this.#context;
    const host = hosts.get(parent.host);
    if (!host) throw new ApiError("HOST_NOT_READY");
    const entered = children.map(({ record }) => egressLog.enter(record.id, parent.organisation));
    const lease = leases.on(host.id);
    try {
      // First, so that the snapshot that is their root stays.
      await settled(
        children.map(({ record, egress, attached }) =>
          store.insert(record, lease, record.stopAt === null ? null : egress, attached),
        ),
      );
      const machines = await host.fork(
        parent.id,
        children.map((child) => this.#spec(child)),
      );
      return machines.map((machine, n) => {
        const { record, egress, attached, leave } = children[n]!;
        const placed = { host: host.id, attached };
        const sandbox = new Sandbox(machine, record, parent.organisation, egress, placed, this.#context);
        this.#table.take(sandbox, () => {
          leave();
          entered[n]!();
        });
        if (record.stopAt === null) sandbox.awaitCreator();
        this.#reportCreated(sandbox, actor, took());
        return sandbox;
      });
    } catch (error) {
      for (const leave of entered) leave();
      for (const { record } of children)
        await store
          .remove(leases.owner, record.id)
          .catch((err: unknown) =>
            this.#context.log.error(
              { err, sandbox: record.id },
              "the record of an abandoned fork could not be removed",
            ),
          );
      throw error;
    }
  }

  #spec({ record: { id, stopAt }, egress }: Child): ForkSpec {
    const placeholders = egress.secrets.map(({ name, placeholder }) => [name, placeholder]);
    return {
      id,
      owner: this.#context.leases.owner,
      env: { SANDBOX_ID: id, ...Object.fromEntries(placeholders) },
      egress,
      keep: stopAt !== null,
    };
  }

  #reportCreated({ id, record, organisation }: Sandbox, actor: Actor, durationMs: number): void {
    const { memoryMiB, stopAt, labels, parent } = record;
    this.#context.events.publish(
      { organisation, sandbox: id, actor },
      {
        kind: "sandbox.created",
        outcome: "ok",
        data: { memoryMiB, stopAtMs: stopAt, labels, ...(parent !== null && { parent }), durationMs },
      },
    );
  }
}

/** Waits for all, also if one fails, so that nothing goes on while the rest is removed. */
async function settled(tasks: Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(tasks)) if (outcome.status === "rejected") throw outcome.reason;
}

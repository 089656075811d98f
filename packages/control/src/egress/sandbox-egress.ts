import { type Logger, SerialQueue } from "@sandkeep/common";
import type { EgressSpec, SealedSecret, Sealer } from "@sandkeep/egress";
import { GuestGone, type Machine } from "@sandkeep/host";
import {
  type Actor,
  ApiError,
  type EgressChange,
  type EgressView,
  type EventBody,
  SECRETS,
  type SecretRequest,
} from "@sandkeep/protocol";
import type { SandboxRecord, SandboxStore } from "@sandkeep/store";
import { settlesWithin } from "../bounded.ts";
import { checkSpec } from "./check.ts";
import { changedList } from "./patterns.ts";
import { hasForm, placeholderFor } from "./placeholder.ts";
import { egressView, networkRecord } from "./views.ts";

/** A change that is not in force by then has failed. The proxy needs milliseconds; it may just be starting again. */
const APPLY_TIMEOUT_MS = 15_000;
/** The agent is to change its environment within this time. */
const ENVIRONMENT_TIMEOUT_MS = 10_000;

const SYSTEM: Actor = { kind: "system" };

export interface SandboxEgressOptions {
  machine: Machine;
  /** Its `network` follows every change. */
  record: SandboxRecord;
  spec: EgressSpec;
  /** Id of this control plane. */
  owner: string;
  store: SandboxStore;
  sealer: Sealer;
  log: Logger;
  /** Whether the sandbox has come to its end. */
  isEnding(): boolean;
  publish(actor: Actor, body: EventBody): void;
}

/**
 * What one running sandbox may reach, and how that changes: one change after the other. Each is in effect, stored, and
 * reported as an event before it is answered.
 */
export class SandboxEgress {
  readonly #options: SandboxEgressOptions;
  #spec: EgressSpec;
  readonly #queue = new SerialQueue();

  constructor(options: SandboxEgressOptions) {
    this.#options = options;
    this.#spec = options.spec;
  }

  /** What is in force, with sealed values: for the store. */
  get spec(): EgressSpec {
    return this.#spec;
  }

  get view(): EgressView {
    return egressView(networkRecord(this.#spec));
  }

  /**
   * Changes the policy. Fields that the change does not name stay as they are.
   *
   * @throws {ApiError} `INVALID_REQUEST`, `NO_ALLOW_LIST`, `EGRESS_UNAVAILABLE`, `SANDBOX_NOT_FOUND`
   */
  change(change: EgressChange, actor: Actor): Promise<EgressView> {
    return this.#change(async () => {
      const { policy } = this.#spec;
      const { allow, deny, rules } = change;
      if (policy.allow === null && allow && !Array.isArray(allow)) throw new ApiError("NO_ALLOW_LIST");
      const next = {
        allow:
          allow === undefined ? policy.allow : allow === null ? null : changedList(policy.allow ?? [], allow, "allow"),
        deny: deny === undefined ? policy.deny : changedList(policy.deny, deny, "deny"),
        rules: rules ?? policy.rules,
      };
      const spec = { policy: next, secrets: this.#spec.secrets };
      checkSpec(spec, "INVALID_REQUEST");
      await this.#apply(spec, actor, { change: "policy", policy: next });
      return this.view;
    });
  }

  /**
   * Adds a secret: every process started from now on has its placeholder in the environment. Or gives an existing secret
   * another value (and other hosts) for the same placeholder. A new secret may request a form for its placeholder.
   *
   * @throws {ApiError} `INVALID_REQUEST`, `CHANGED_MEANWHILE`, `EGRESS_UNAVAILABLE`, `SANDBOX_NOT_FOUND`
   */
  setSecret(
    name: string,
    { value, hosts, in: places, placeholder: form }: SecretRequest,
    actor: Actor,
  ): Promise<EgressView["secrets"][number]> {
    // Sealed before it waits for its turn, so nothing else keeps the value. Sealing binds it to a placeholder.
    const known = this.#secret(name)?.placeholder;
    const placeholder = known ?? placeholderFor(value, form, "placeholder", "INVALID_REQUEST");
    if (known !== undefined && form !== undefined && !hasForm(known, form, "placeholder", "INVALID_REQUEST")) {
      throw new ApiError(
        "INVALID_REQUEST",
        `The secret ${JSON.stringify(name)} already has a placeholder of another format, which running processes use. Leave out placeholder, or revoke the secret first.`,
      );
    }
    const sealed = this.#options.sealer.seal(value, placeholder);
    return this.#change(async () => {
      const former = this.#secret(name);
      if (former?.placeholder !== known)
        throw new ApiError(
          "CHANGED_MEANWHILE",
          `Someone else added or revoked the secret ${JSON.stringify(name)} at the same time.`,
        );
      const approved = hosts ?? former?.hosts;
      if (!approved)
        throw new ApiError(
          "INVALID_REQUEST",
          `The sandbox has no secret ${JSON.stringify(name)} yet; hosts are required to add it.`,
        );
      const secret: SealedSecret = {
        name,
        placeholder,
        ...(former?.aliases && { aliases: former.aliases }),
        ...((form ?? former?.form) !== undefined && { form: form ?? former?.form }),
        hosts: approved,
        in: places ?? former?.in ?? [],
        sealed,
      };
      const secrets = former
        ? this.#spec.secrets.map((other) => (other === former ? secret : other))
        : [...this.#spec.secrets, secret];
      if (secrets.length > SECRETS.max)
        throw new ApiError("INVALID_REQUEST", `A sandbox has at most ${SECRETS.max} secrets.`);
      const spec = { policy: this.#spec.policy, secrets };
      checkSpec(spec, "INVALID_REQUEST");
      // First, because a placeholder without a meaning does no harm.
      if (!former) await this.#setVariable(name, placeholder);
      const told = { name, hosts: secret.hosts, in: secret.in };
      try {
        await this.#apply(spec, actor, { change: former ? "secret.rotated" : "secret.added", secret: told });
      } catch (error) {
        if (!former) await this.#forgetVariable(name);
        throw error;
      }
      return told;
    });
  }

  /**
   * Revokes a secret: its placeholder becomes meaningless, also on open connections, and new processes do not get it.
   *
   * @throws {ApiError} `SECRET_NOT_FOUND`, `EGRESS_UNAVAILABLE`, `SANDBOX_NOT_FOUND`
   */
  revokeSecret(name: string, actor: Actor): Promise<void> {
    return this.#change(async () => {
      const former = this.#secret(name);
      if (!former) throw new ApiError("SECRET_NOT_FOUND", `The sandbox has no secret ${JSON.stringify(name)}.`);
      const secrets = this.#spec.secrets.filter((secret) => secret !== former);
      await this.#apply({ policy: this.#spec.policy, secrets }, actor, {
        change: "secret.revoked",
        secret: { name, hosts: former.hosts, in: former.in },
      });
      await this.#forgetVariable(name);
    });
  }

  /** Does something during which nothing of this changes. */
  quietly<Result>(task: (spec: EgressSpec) => Promise<Result>): Promise<Result> {
    return this.#change(() => task(this.#spec));
  }

  /**
   * After a restart of the server: tells the host again. Never rejects; if it fails, the sandbox can reach nothing.
   *
   * @param sealedIsLost If sealed values can no longer be opened, why not; the secrets are then lost, but not the policy.
   */
  restore(sealedIsLost: string | null): Promise<void> {
    const { log, machine, publish } = this.#options;
    return this.#queue.run(async () => {
      const { policy, secrets } = this.#spec;
      const lost = sealedIsLost === null ? [] : secrets.map(({ name }) => name);
      try {
        if (lost.length > 0) {
          const error = `The secrets ${lost.join(", ")} are lost: ${sealedIsLost} Set them again.`;
          return await this.#apply({ policy, secrets: [] }, SYSTEM, { change: "restored", error });
        }
        await within(machine.setEgress(this.#spec));
        publish(SYSTEM, { kind: "egress.changed", outcome: "ok", data: { change: "restored" } });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error({ err: error }, "a sandbox's egress policy could not be restored; the sandbox reaches nothing");
        publish(SYSTEM, {
          kind: "egress.changed",
          outcome: "failed",
          data: { change: "restored", error: `The sandbox can reach nothing until its policy is changed: ${reason}` },
        });
      }
    });
  }

  async #apply(
    spec: EgressSpec,
    actor: Actor,
    data: Extract<EventBody, { kind: "egress.changed" }>["data"],
  ): Promise<void> {
    const { isEnding, log, machine, owner, publish, record, store } = this.#options;
    const former = this.#spec;
    try {
      await within(machine.setEgress(spec));
      this.#spec = spec;
      record.network = networkRecord(spec);
      await store.setNetwork(owner, record.id, record.network, record.stopAt === null ? null : spec);
    } catch (cause) {
      if (isEnding()) throw new ApiError("SANDBOX_NOT_FOUND", undefined, { cause });
      this.#spec = former;
      record.network = networkRecord(former);
      // It may be half done. Go back to what is stored, so that a restart restores what was in effect.
      await within(machine.setEgress(former)).catch((err: unknown) =>
        log.error({ err }, "an egress change could not be rolled back"),
      );
      const error = new ApiError("EGRESS_UNAVAILABLE", undefined, { cause });
      publish(actor, { kind: "egress.changed", outcome: "failed", data: { ...data, error: error.code } });
      throw error;
    }
    publish(actor, { kind: "egress.changed", outcome: data.error === undefined ? "ok" : "failed", data });
    log.info({ change: data.change, secret: data.secret?.name }, "egress changed");
  }

  async #setVariable(key: string, value: string): Promise<void> {
    const { isEnding, machine } = this.#options;
    try {
      await machine.guest.call("envSet", { key, value }, AbortSignal.timeout(ENVIRONMENT_TIMEOUT_MS));
    } catch (cause) {
      if (isEnding() || cause instanceof GuestGone) throw new ApiError("SANDBOX_NOT_FOUND", undefined, { cause });
      throw new ApiError(
        "EGRESS_UNAVAILABLE",
        "The secret's placeholder could not be added to the sandbox's environment.",
        { cause },
      );
    }
  }

  /** Whatever the guest answers, the placeholder is meaningless now. */
  async #forgetVariable(key: string): Promise<void> {
    const { log, machine } = this.#options;
    await machine.guest
      .call("envDelete", { key }, AbortSignal.timeout(ENVIRONMENT_TIMEOUT_MS))
      .catch((err: unknown) => log.warn({ err, key }, "a placeholder stays in the environment"));
  }

  #secret(name: string): SealedSecret | undefined {
    return this.#spec.secrets.find((secret) => secret.name === name);
  }

  #change<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#queue.run(async () => {
      if (this.#options.isEnding()) throw new ApiError("SANDBOX_NOT_FOUND");
      return await work();
    });
  }
}

async function within(applied: Promise<void>): Promise<void> {
  if (!(await settlesWithin(applied, APPLY_TIMEOUT_MS)))
    throw new Error(`the host did not answer within ${APPLY_TIMEOUT_MS / 1_000} s`);
  await applied;
}

/** One sandbox, as the proxy knows it. */
import { type EgressEvent, type EgressSpec, UNACKNOWLEDGED_EVENTS } from "../contract.ts";
import type { Dialled } from "../dial/connect.ts";
import type { Dialer } from "../dial/dialer.ts";
import { DialError } from "../dial/error.ts";
import { isOwn } from "../dial/own-addresses.ts";
import { SyntheticNames } from "../dns/names.ts";
import { type Address, type HostRef, parseAddress, Policy, RuleBook } from "../policy/mod.ts";
import { Redactor, type Sealer, type Secret, SecretSet } from "../secrets/mod.ts";
import { Gate } from "./gate.ts";

/** Values that were rotated or revoked and are still redacted: an upstream may know them for a while. */
const MAX_RETIRED = 64;

/** What all tenants share. */
export interface TenantServices {
  sealer: Sealer;
  dialer: Dialer;
  /** Passes an event on; `Tenant.acknowledge` is called when it is safe. */
  emit(id: string, event: EgressEvent): void;
}

/** What goes on for a sandbox and must end when policy no longer allows it. */
interface Ongoing {
  host: HostRef;
  port: number;
  /** What was dialled; null where configuration says what a name's address is. */
  address: Address | null;
  cut(): void;
}

/** The current policy and secrets of a sandbox, and what it has open. */
export class Tenant {
  readonly id: string;
  readonly names = new SyntheticNames();
  policy!: Policy;
  rules!: RuleBook;
  secrets!: SecretSet;
  /** Of every value the sandbox has or had. */
  redactor!: Redactor;
  readonly #services: TenantServices;
  readonly #gate = new Gate(UNACKNOWLEDGED_EVENTS);
  readonly #ongoing = new Set<Ongoing>();
  #retired: Secret[] = [];

  /** @throws when the spec cannot be used; the message holds no value */
  constructor(id: string, spec: EgressSpec, services: TenantServices) {
    this.id = id;
    this.#services = services;
    this.update(spec);
  }

  /** Replaces policy and secrets. What is open and no longer allowed is cut before this returns. */
  update(spec: EgressSpec): void {
    const policy = Policy.parse(spec.policy);
    const rules = new RuleBook(spec.policy.rules, undefined, this.rules);
    const secrets = SecretSet.open(spec.secrets, this.#services.sealer);
    const former = this.secrets?.all ?? [];
    const gone = former.filter((old) => !secrets.all.some((now) => now.value.equals(old.value)));
    this.#retired = [...this.#retired, ...gone].slice(-MAX_RETIRED);
    this.policy = policy;
    this.rules = rules;
    this.secrets = secrets;
    this.redactor = new Redactor(new SecretSet([...secrets.all, ...this.#retired]));
    for (const ongoing of [...this.#ongoing]) {
      const { host, port, address } = ongoing;
      if (!policy.judge(host, port).allowed || (address && !policy.judgeDial(address, port, isOwn).allowed)) ongoing.cut();
    }
  }

  /**
   * Dials what policy allows; the connection is cut when policy no longer does.
   *
   * @throws {DialError}
   */
  async dial(host: HostRef, port: number, signal: AbortSignal): Promise<Dialled> {
    const { allowed, reason, rule } = this.policy.judge(host, port);
    if (!allowed) throw new DialError(reason, { errno: "ECONNREFUSED", denied: true, rule });
    const dialled = await this.#services.dialer.dial(this.policy, host, port, signal);
    // Policy may have changed while the other end was being found.
    const now = this.policy.judge(host, port);
    if (!now.allowed) {
      dialled.socket.destroy();
      throw new DialError(now.reason, { errno: "ECONNREFUSED", denied: true, rule: now.rule });
    }
    const fixed = "name" in host && this.#services.dialer.isStatic(host.name);
    const release = this.hold({ host, port, address: fixed ? null : parseAddress(dialled.address), cut: () => dialled.socket.destroy() });
    dialled.socket.once("close", release);
    return dialled;
  }

  /** Keeps an eye on something open until the returned function is called. */
  hold(ongoing: Ongoing): () => void {
    this.#ongoing.add(ongoing);
    return () => void this.#ongoing.delete(ongoing);
  }

  /** Reports, and resolves when there is room for another event. */
  async report(event: EgressEvent): Promise<void> {
    this.#gate.enter();
    this.#services.emit(this.id, event);
    await this.#gate.opened();
  }

  /** Resolves when there is room for an event: nothing new begins before. */
  room(): Promise<void> {
    return this.#gate.opened();
  }

  acknowledge(events: number): void {
    this.#gate.leave(events);
  }

  /** Cuts everything. */
  close(): void {
    for (const ongoing of [...this.#ongoing]) ongoing.cut();
    this.#gate.leave(Infinity);
  }
}

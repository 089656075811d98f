import assert from "node:assert/strict";
import type { Random } from "@sandkeep/egress/testing";
import type { Client, Sandbox } from "sandkeep";
import { until } from "../../harness/poll.ts";
import type { Crash } from "./crash.ts";
import type { Stack } from "./stack.ts";

/** What a chore works with in a round. */
export interface Scene {
  client: Client;
  random: Random;
  /** Makes a slug that no other has. */
  slug(what: string): string;
}

/** How many sandboxes outlive their client and the server. */
const LASTING = 0.7;
/** Longer than the rounds between two audits. */
const LIFETIME = "30m";

/** Work that is done again and again while things are killed. Its sandbox lives on from round to round, unless it is killed. */
export abstract class Chore {
  /** Its sandbox, if it has one for longer than a step: that can be killed. */
  sandbox: Sandbox | undefined;
  /** Whether that outlives its client and the server. */
  protected lasting = false;
  #scene: Scene | undefined;

  get name(): string {
    return this.constructor.name;
  }

  protected get scene(): Scene {
    return this.#scene!;
  }

  /** Gets what it needs for a round and does not have any more. */
  async begin(scene: Scene): Promise<void> {
    this.#scene = scene;
    await this.prepare();
  }

  /** Does its work once; may fail at any point when something is killed. False: it has done enough for this round. */
  abstract step(): Promise<void | false>;

  /** Whether what was killed can make a step fail. */
  mayFail(crash: Crash): boolean {
    return crash.what !== "machines" || (this.sandbox !== undefined && crash.victims.has(this.sandbox.id));
  }

  /** Checks what must hold after a crash, when a server runs again. */
  async recover(crash: Crash, stack: Stack): Promise<void> {
    if (!this.sandbox) return;
    const { id, closed } = this.sandbox;
    if (this.hasMachineAfter(crash) && (crash.what === "machines" || this.lasting)) {
      assert.equal(await stack.statusOf(id), "running", `the sandbox of ${this.name}`);
      if (crash.what !== "machines") this.sandbox = await stack.client.sandboxes.connect(id);
      await this.goOn(crash);
    } else {
      await closed;
      await until(`the sandbox of ${this.name} has stopped`, async () => (await stack.statusOf(id)) === "stopped");
      this.sandbox = undefined;
    }
  }

  protected async prepare(): Promise<void> {}

  /** Checks what is in a sandbox that has survived. */
  protected async goOn(_crash: Crash): Promise<void> {}

  /** Whether its machine was spared. */
  protected hasMachineAfter({ what, victims }: Crash): boolean {
    return what === "server" || (what === "machines" && !victims.has(this.sandbox!.id));
  }

  protected async create(volumes: Record<string, string> = {}): Promise<Sandbox> {
    const { client, random } = this.scene;
    this.lasting = random.chance(LASTING);
    return await client.sandboxes.create({ volumes, ...(this.lasting && { timeout: LIFETIME }) });
  }
}

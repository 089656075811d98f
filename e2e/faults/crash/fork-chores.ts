/** What users do with forks and pauses. */
import assert from "node:assert/strict";
import type { Sandbox } from "sandkeep";
import { until } from "../../harness/poll.ts";
import { Chore } from "./chore.ts";
import type { Crash } from "./crash.ts";
import type { Stack } from "./stack.ts";

/** In memory only. */
const NOTE = "/dev/shm/note";

/** A sandbox is forked, and its child ends. */
export class Forking extends Chore {
  protected override async prepare(): Promise<void> {
    if (this.sandbox) return;
    this.sandbox = await this.create();
    await this.sandbox.fs.writeTextFile(NOTE, "kept");
  }

  async step(): Promise<void> {
    const child = await this.sandbox!.fork();
    await requireMemory(child);
    await child.kill();
  }

  protected override async goOn(): Promise<void> {
    await requireMemory(this.sandbox!);
  }
}

/** A sandbox is paused and resumed. */
export class Pausing extends Chore {
  /** What is known of it. */
  #state: "running" | "pausing" | "paused" | "resuming" = "running";

  protected override async prepare(): Promise<void> {
    if (this.sandbox) return;
    this.sandbox = await this.create();
    this.#state = "running";
    await this.sandbox.fs.writeTextFile(NOTE, "kept");
  }

  async step(): Promise<void> {
    if (this.#state === "running") {
      this.#state = "pausing";
      await this.sandbox!.pause();
      this.#state = "paused";
    } else {
      this.#state = "resuming";
      this.sandbox = await this.scene.client.sandboxes.resume(this.sandbox!.id);
      this.#state = "running";
    }
  }

  /** What is paused survives everything. */
  override async recover(crash: Crash, stack: Stack): Promise<void> {
    if (this.#state === "running") return await super.recover(crash, stack);
    const { id } = this.sandbox!;
    const possible = this.#possibleAfter(crash);
    let status = "";
    await until(`a sandbox that was ${this.#state} is ${possible.join(" or ")}`, async () => {
      status = await stack.statusOf(id);
      return possible.includes(status);
    });
    const { sandboxes } = stack.client;
    if (status === "stopped") this.sandbox = undefined;
    else this.sandbox = status === "paused" ? await sandboxes.resume(id) : await sandboxes.connect(id);
    this.#state = "running";
    if (this.sandbox) await this.goOn();
    if (status === "running" && !this.lasting) {
      // A session that was being resumed has a time from then on.
      await this.sandbox!.kill();
      this.sandbox = undefined;
    }
  }

  #possibleAfter(crash: Crash): string[] {
    if (this.#state === "paused") return ["paused"];
    if (!this.hasMachineAfter(crash)) return ["paused", "stopped"];
    // The server may have been killed before it knew of the pause; then a session ends. Otherwise the next one finishes it.
    return this.#state === "pausing" && !this.lasting ? ["paused", "stopped"] : ["paused", "running"];
  }

  protected override async goOn(): Promise<void> {
    await requireMemory(this.sandbox!);
  }
}

/** What is in a sandbox's memory has survived. */
async function requireMemory(sandbox: Sandbox): Promise<void> {
  assert.equal(await sandbox.sh`cat ${NOTE}`.text(), "kept");
}

/** FOR TESTS ONLY: a machine as one in the warm pool, to measure how fast a create can be at best. */
import { silentLogger } from "@sandkeep/common";
import { connectGuest, discard, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
import { newIdentity } from "../machines/identity.ts";
import { ID_LENGTH, warmClone } from "../templates/warmup.ts";
import { openUsualTemplate, type UsualTemplateOptions } from "./usual-template.ts";

export interface PausedMachine extends AsyncDisposable {
  /**
   * Resumes the machine, waits for one answer of its agent, and pauses it again. Resolves to the time until the answer,
   * in milliseconds.
   *
   * @param to what the agent answers: that it has taken an identity, as in every create, or the smallest call
   */
  answer(to: "identity" | "ping"): Promise<number>;
}

export async function startPausedMachine(options: UsualTemplateOptions): Promise<PausedMachine> {
  const template = await openUsualTemplate(options);
  const { vm, dir } = await template.prepare();
  await vm.load();
  const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
  const clone = { vm, guest, dir, from: template.from };
  await warmClone(clone, [], silentLogger);
  await vm.pause();
  let asked = 0;
  return {
    async answer(to) {
      // New each time, as in a create: names that stay the same are not written.
      const id = `sbx-${asked++}-`.padEnd(ID_LENGTH, "0");
      const identity = newIdentity(id, { DENO_DEPLOY_ORGANIZATION_ID: "default", SANDBOX_ID: id }, []);
      const started = performance.now();
      await Promise.all([vm.resume(), to === "ping" ? guest.call("ping", {}) : guest.call("resume", identity)]);
      const taken = performance.now() - started;
      await vm.pause();
      return taken;
    },
    async [Symbol.asyncDispose]() {
      await discard(clone);
      await template[Symbol.asyncDispose]();
    },
  };
}

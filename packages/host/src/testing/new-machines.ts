/**
 * FOR TESTS ONLY: machines in processes that have run nothing yet, to measure what forks and resumptions take at least:
 * each has such a process, in which all of the guest's code is translated anew.
 */
import { connectGuest, discard, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
import { newIdentity, newMoment } from "../machines/identity.ts";
import { openUsualTemplate, type UsualTemplateOptions } from "./usual-template.ts";

export interface NewMachines extends AsyncDisposable {
  /**
   * How long it takes until an agent has answered, in milliseconds, in a process that waited for the template's state.
   *
   * @param as what is asked before a ping: what the child of a fork is asked, or a machine that is resumed
   */
  answer(as: "child" | "resumed"): Promise<number>;
}

export async function openNewMachines(options: UsualTemplateOptions): Promise<NewMachines> {
  const template = await openUsualTemplate(options);
  let count = 0;
  return {
    async answer(as) {
      const { vm, dir } = await template.prepare();
      try {
        const started = performance.now();
        await vm.load();
        const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
        if (as === "child") await guest.call("resume", newIdentity(`sbx-${count++}`, {}, []));
        else {
          await guest.call("wake", newMoment());
          await guest.call("thawProcesses", {});
        }
        await guest.call("ping", {});
        const taken = performance.now() - started;
        guest.close();
        return taken;
      } finally {
        await discard({ vm, dir });
      }
    },
    [Symbol.asyncDispose]: () => template[Symbol.asyncDispose](),
  };
}

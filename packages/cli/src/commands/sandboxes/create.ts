import { DEFAULT_LIFETIME_MS } from "../../client/lifetime.ts";
import type { MachineOptions } from "../../client/machine-options.ts";
import { createSandbox } from "../../client/sandbox.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep create` */
export async function run(invocation: Invocation<MachineOptions>): Promise<void> {
  const { options, terminal, env } = invocation;
  const target = await ensureTarget(invocation);
  const timeout = options.timeout ?? DEFAULT_LIFETIME_MS;
  const sandbox = await createSandbox(target, { ...options, timeout }, env);
  const { id } = sandbox;
  await sandbox.close();
  terminal.result(
    { id, stopAt: new Date(Date.now() + timeout).toISOString(), endpoint: target.sandboxEndpoint },
    () => id,
  );
}

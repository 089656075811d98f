import type { Sandbox } from "sandkeep";
import { createOptions, type MachineOptions } from "./machine-options.ts";
import type { Target } from "./target.ts";

/** Creates a sandbox on a server and copies the requested files into it. Values of secrets are taken from the environment. */
export async function createSandbox(target: Target, options: MachineOptions, env: NodeJS.ProcessEnv): Promise<Sandbox> {
  const { Sandbox } = await import("sandkeep");
  const sandbox = await Sandbox.create({ ...target, ...createOptions(options, env) });
  try {
    if (options.copy?.length) {
      const { upload } = await import("../copy/upload.ts");
      const { copying } = await import("../copy/failures.ts");
      for (const path of options.copy) await copying(() => upload(sandbox, path, "/app"));
    }
    return sandbox;
  } catch (error) {
    await sandbox.kill().catch(() => sandbox.close());
    throw error;
  }
}

/** Connects to a running sandbox. */
export async function connectSandbox(target: Target, id: string): Promise<Sandbox> {
  const { Sandbox } = await import("sandkeep");
  return await Sandbox.connect(id, { ...target });
}

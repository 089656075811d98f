import { after, before } from "node:test";
import type { Sandbox, SandboxOptions } from "sandkeep";
import type { Sdk } from "./sdk.ts";

/** One sandbox for all tests of a suite that need no isolation. Call it like a function to get it. */
export function sharedSandbox(sdk: Sdk, options?: SandboxOptions): () => Sandbox {
  let sandbox: Sandbox | undefined;
  before(async () => {
    sandbox = await sdk.module.Sandbox.create(options);
  });
  after(async () => {
    await sandbox?.close();
  });
  return () => {
    if (!sandbox) throw new Error("only in tests");
    return sandbox;
  };
}

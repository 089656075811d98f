import { pathToFileURL } from "node:url";
import type { Hooks } from "../hooks.ts";

/** Loads the operator's hooks. @throws {Error} if the module cannot be loaded, or has no hooks */
export async function loadHooks(path: string | null): Promise<Hooks | null> {
  if (path === null) return null;
  const { default: hooks } = (await import(pathToFileURL(path).href)) as { default?: Hooks };
  if (typeof hooks?.onRequest !== "function" && typeof hooks?.onResponse !== "function") {
    throw new Error(`${path} has no hooks: its default export has neither onRequest nor onResponse.`);
  }
  return hooks;
}

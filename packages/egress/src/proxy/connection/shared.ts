import { pathToFileURL } from "node:url";
import type { EgressConfig } from "../../contract.ts";
import type { Hooks } from "../../hooks.ts";
import { parsePattern } from "../../policy/mod.ts";
import { loadAuthority } from "../tls/authority.ts";
import { LeafCertificates } from "../tls/leaf.ts";
import { loadUpstreamCas } from "../tls/upstream-cas.ts";
import type { Shared } from "./flow.ts";

/**
 * Loads what all flows share: the CA, the upstream CAs, and hooks.
 *
 * @param dir folder of the CA
 * @throws {Error} if a setting or one of its files cannot be used
 */
export async function openShared(
  dir: string,
  config: Pick<EgressConfig, "caFiles" | "passThrough" | "hooks">,
): Promise<Shared> {
  const [authority, upstreamCas, hooks] = await Promise.all([
    loadAuthority(dir),
    loadUpstreamCas(config.caFiles),
    loadHooks(config.hooks),
  ]);
  return {
    leaves: await LeafCertificates.create(authority),
    upstreamCas,
    passThrough: config.passThrough.map(parsePattern),
    hooks,
  };
}

async function loadHooks(path: string | null): Promise<Hooks | null> {
  if (path === null) return null;
  const { default: hooks } = (await import(pathToFileURL(path).href)) as { default?: Hooks };
  if (typeof hooks?.onRequest !== "function" && typeof hooks?.onResponse !== "function") {
    throw new Error(`${path} has no hooks: its default export has neither onRequest nor onResponse.`);
  }
  return hooks;
}

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { describeIssues } from "@sandkeep/protocol";
import { checkAcmeFiles, resolveAcmeFiles } from "./acme.ts";
import { checkEgressFiles, resolveEgressFiles } from "./egress.ts";
import { ConfigError } from "./error.ts";
import { type Config, type ConfigInput, configSchema, type TlsConfig } from "./schema.ts";

export { ConfigError } from "./error.ts";

/**
 * Checks a configuration and fills in the defaults.
 *
 * @param source Where the configuration comes from, for the message.
 * @throws {ConfigError}
 */
export function parseConfig(input: ConfigInput | unknown, source = "the configuration"): Config {
  const parsed = configSchema.safeParse(input);
  if (!parsed.success)
    throw new ConfigError(`${source} is not valid: ${describeIssues(parsed.error)}. See docs/configuration.md.`);
  return parsed.data;
}

/**
 * Reads a configuration file (JSON), and checks the files that it names for the egress proxy and ACME; their relative paths are relative to it.
 *
 * @param overrides They override the file, key by key, as command line options do.
 * @throws {ConfigError}
 */
export async function loadConfig(file: string | null, overrides: ConfigInput = {}): Promise<Config> {
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  if (file === null) return parseConfig(given);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new ConfigError(`Cannot read the configuration file ${file}: ${(error as Error).message}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`The configuration file ${file} is not JSON: ${(error as Error).message}`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new ConfigError(`The configuration file ${file} does not contain a JSON object.`);
  const config = parseConfig({ ...json, ...given }, `The configuration file ${file}`);
  const folder = dirname(resolve(file));
  const egress = resolveEgressFiles(config.egress, folder);
  await checkEgressFiles(egress);
  const tls = resolveTlsFiles(config.tls, folder);
  if (usesAcme(tls)) await checkAcmeFiles(tls.acme);
  return { ...config, egress, tls };
}

const usesAcme = (tls: TlsConfig): tls is Extract<TlsConfig, { acme: unknown }> =>
  typeof tls === "object" && "acme" in tls;

function resolveTlsFiles(tls: TlsConfig, folder: string): TlsConfig {
  return usesAcme(tls) ? { acme: resolveAcmeFiles(tls.acme, folder) } : tls;
}

import { X509Certificate } from "node:crypto";
import { access, constants, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  canonicalName,
  type EgressConfig,
  hostText,
  parseAddress,
  parseAuthority,
  patternSchema,
} from "@sandkeep/egress";
import { z } from "zod";
import { ConfigError } from "./error.ts";

/** Proxy processes; each takes about 70 MB. No computer has use for more. */
const MAX_PROCESSES = 256;

/** `ip` or `ip:port` in canonical form; IPv6 with a port is `[ip]:port`. Null for anything else. */
function addressText(text: string): string | null {
  const address = parseAddress(text);
  if (address) return hostText({ address });
  const authority = parseAuthority(text);
  if (!authority || !("address" in authority.host)) return null;
  const host = hostText(authority.host);
  return authority.port === null ? host : `${host}:${authority.port}`;
}

const address = z.string().transform((text, context) => {
  const canonical = addressText(text);
  if (canonical !== null) return canonical;
  context.addIssue({
    code: "custom",
    message: 'must be an IP address, with or without a port: "192.0.2.1:443", "[2001:db8::1]:443"',
  });
  return z.NEVER;
});

/** Names in canonical form, as sandboxes' names are compared. */
const staticHosts = z.record(z.string(), address).transform((hosts, context) => {
  const names = new Map<string, string>();
  for (const [text, target] of Object.entries(hosts)) {
    const name = canonicalName(text);
    if (name === null || names.has(name)) {
      context.addIssue({
        code: "custom",
        path: [text],
        message: name === null ? "is not the name of a host" : "names the same host as another entry",
      });
      return z.NEVER;
    }
    names.set(name, target);
  }
  return Object.fromEntries(names);
});

const upstreamProxy = z.string().refine((text) => {
  const url = URL.parse(text);
  return (
    url?.protocol === "http:" && url.hostname !== "" && url.pathname === "/" && url.search === "" && url.hash === ""
  );
}, "must be http://[user:password@]host:port");

/** Settings of the egress proxy; see {@link EgressConfig}. */
export const egressSchema = z.strictObject({
  hosts: staticHosts.default({}),
  caFiles: z.array(z.string().min(1)).default([]),
  passThrough: z.array(patternSchema).default([]),
  dnsServers: z.array(address).default([]),
  upstreamProxy: upstreamProxy.nullable().default(null),
  hooks: z.string().min(1).nullable().default(null),
  processes: z.int().min(1).max(MAX_PROCESSES).nullable().default(null),
}) satisfies z.ZodType<EgressConfig>;

/** Files named relative to a folder, as absolute paths. */
export function resolveEgressFiles(egress: EgressConfig, folder: string): EgressConfig {
  const { caFiles, hooks } = egress;
  return {
    ...egress,
    caFiles: caFiles.map((file) => resolve(folder, file)),
    hooks: hooks === null ? null : resolve(folder, hooks),
  };
}

/** @throws {ConfigError} if a file is missing, unreadable, or has the wrong content. */
export async function checkEgressFiles({ caFiles, hooks }: EgressConfig): Promise<void> {
  for (const [index, file] of caFiles.entries()) await checkCertificates(`egress.caFiles.${index}`, file);
  if (hooks === null) return;
  try {
    await access(hooks, constants.R_OK);
    if (!(await stat(hooks)).isFile()) throw new Error("it is not a file");
  } catch (error) {
    throw new ConfigError(`egress.hooks: cannot read the module ${hooks}: ${(error as Error).message}`);
  }
}

async function checkCertificates(key: string, file: string): Promise<void> {
  const pem = await readFile(file, "utf8").catch((error: Error) => {
    throw new ConfigError(`${key}: cannot read ${file}: ${error.message}`);
  });
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) throw new ConfigError(`${key}: ${file} contains no PEM certificate.`);
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate);
    } catch {
      throw new ConfigError(`${key}: ${file} contains a certificate that cannot be read.`);
    }
  }
}

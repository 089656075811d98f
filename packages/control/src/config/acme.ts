import { access, constants } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { ConfigError } from "./error.ts";

/** Names in one configuration; each may be a certificate of its own. */
const MAX_DOMAINS = 100;
/** A DNS name of at least two labels, perhaps with a wildcard. Names in other scripts are written in their ASCII form. */
const DOMAIN = /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

const domain = z
  .string()
  .toLowerCase()
  .regex(DOMAIN, "must be a domain name such as box.example.com or *.box.example.com, in ASCII");

/** Certificates from a certificate authority that speaks ACME. */
export const acmeSchema = z
  .strictObject({
    /** Address of its directory. */
    directory: z.url({ protocol: /^https$/ }).default("https://acme-v02.api.letsencrypt.org/directory"),
    /** Names of the server and of its doors. */
    domains: z
      .array(domain)
      .min(1)
      .max(MAX_DOMAINS)
      .refine((domains) => new Set(domains).size === domains.length, "must not name a domain twice"),
    /** Where the certificate authority writes to when something is wrong. */
    email: z.email().optional(),
    /** How it checks whose the names are: on port 443, on port 80, or by a DNS record. */
    challenge: z.enum(["tls-alpn-01", "http-01", "dns-01"]).default("tls-alpn-01"),
    /** For `dns-01`: the program that adds and removes DNS records. */
    dnsHook: z.string().min(1).optional(),
    /** For `http-01`: the port to listen on, if port 80 of the names leads to another one here. */
    httpPort: z.int().min(1).max(65_535).optional(),
    /** An account that was opened on the certificate authority's web site. */
    externalAccount: z
      .strictObject({
        keyId: z.string().min(1),
        hmacKey: z.string().regex(/^[A-Za-z0-9_-]{16,}$/, "must be base64url, as the certificate authority shows it"),
      })
      .optional(),
    /** PEM file of CAs to trust for the directory, besides the system's. */
    caFile: z.string().min(1).optional(),
  })
  .superRefine(({ domains, challenge, dnsHook }, context) => {
    const wildcard = domains.find((name) => name.startsWith("*."));
    if (challenge !== "dns-01" && wildcard !== undefined) {
      const message = `must be dns-01, because certificate authorities check wildcards such as ${wildcard} only by DNS`;
      context.addIssue({ code: "custom", path: ["challenge"], message });
    }
    if ((challenge === "dns-01") !== (dnsHook !== undefined)) {
      const message = "is needed for the challenge dns-01, and for no other";
      context.addIssue({ code: "custom", path: ["dnsHook"], message });
    }
  });
export type AcmeConfig = z.output<typeof acmeSchema>;

/** Files named relative to a folder, as absolute paths. */
export function resolveAcmeFiles(acme: AcmeConfig, folder: string): AcmeConfig {
  const { dnsHook, caFile } = acme;
  return {
    ...acme,
    ...(dnsHook !== undefined && { dnsHook: resolve(folder, dnsHook) }),
    ...(caFile !== undefined && { caFile: resolve(folder, caFile) }),
  };
}

/** @throws {ConfigError} if the DNS hook is not a program. */
export async function checkAcmeFiles({ dnsHook }: AcmeConfig): Promise<void> {
  if (dnsHook === undefined) return;
  await access(dnsHook, constants.X_OK).catch((error: Error) => {
    throw new ConfigError(`tls.acme.dnsHook: cannot run the program ${dnsHook}: ${error.message}`);
  });
}

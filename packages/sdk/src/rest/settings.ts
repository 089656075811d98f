import process from "node:process";
import { InvalidApiEndpoint, InvalidSandboxEndpoint, MissingOrgError, MissingTokenError } from "../errors/settings.ts";
import type { Region } from "./region.ts";

/** Where a Sandkeep server listens by default. */
export const LOCAL_SERVER = "http://127.0.0.1:7777";
/** Region of new sandboxes, unless another one is given. */
export const DEFAULT_REGION: Region = "ord";
/** Prefix of organisation tokens, which name their organisation by themselves. */
const ORGANISATION_TOKEN_PREFIX = "ddo_";

/**
 * The caller's identity, and the server. Absent options are taken from the environment:
 *
 * | option | environment, first wins | else |
 * | --- | --- | --- |
 * | `token` | `SANDKEEP_TOKEN`, `DENO_DEPLOY_TOKEN` | `MissingTokenError` |
 * | `org` | `DENO_DEPLOY_ORG` | none; needed unless the token begins with `ddo_` |
 * | `apiEndpoint` | `SANDKEEP_API_ENDPOINT`, `DENO_DEPLOY_ENDPOINT` | `http://127.0.0.1:7777` |
 *
 * @example
 * ```ts
 * import { type BaseClientOptions, Client } from "sandkeep";
 *
 * const options: BaseClientOptions = { token: process.env.DENO_DEPLOY_TOKEN };
 * await new Client(options).sandboxes.list();
 * ```
 */
export interface BaseClientOptions {
  /** Secret token, as `sandkeep token create` prints it. */
  token?: string | undefined;
  /** Slug of the organisation. */
  org?: string | undefined;
  /** URL of the REST API, without a path and without a `/` at the end. */
  apiEndpoint?: string | undefined;
}

/** Options that select the server with the sandboxes. */
export interface SandboxEndpointOptions {
  region?: Region | undefined;
  sandboxEndpoint?: string | ((region: string) => string) | undefined;
}

/**
 * Token, organisation and REST endpoint from options and environment. Throws `MissingTokenError`, `MissingOrgError`,
 * `InvalidApiEndpoint`.
 */
export function resolveClient(options: BaseClientOptions = {}): {
  token: string;
  org: string | undefined;
  apiEndpoint: string;
} {
  const { env } = process;
  const token = options.token ?? (env.SANDKEEP_TOKEN || env.DENO_DEPLOY_TOKEN);
  if (!token) throw new MissingTokenError();
  const org = options.org ?? env.DENO_DEPLOY_ORG;
  if (!token.startsWith(ORGANISATION_TOKEN_PREFIX) && !org) throw new MissingOrgError();
  const apiEndpoint = options.apiEndpoint ?? (env.SANDKEEP_API_ENDPOINT || env.DENO_DEPLOY_ENDPOINT || LOCAL_SERVER);
  if (!isEndpoint(apiEndpoint)) throw new InvalidApiEndpoint(apiEndpoint);
  return { token, org, apiEndpoint };
}

/** Sandbox endpoint from options and environment. Throws `InvalidSandboxEndpoint`. */
export function resolveSandboxEndpoint({
  region = DEFAULT_REGION,
  sandboxEndpoint,
}: SandboxEndpointOptions = {}): string {
  const { env } = process;
  const given = typeof sandboxEndpoint === "function" ? sandboxEndpoint(region) : sandboxEndpoint;
  const byRegion = env.DENO_SANDBOX_BASE_DOMAIN && `https://${region}.${env.DENO_SANDBOX_BASE_DOMAIN}`;
  const endpoint = given || env.SANDKEEP_SANDBOX_ENDPOINT || env.DENO_SANDBOX_ENDPOINT || byRegion || LOCAL_SERVER;
  if (!isEndpoint(endpoint)) throw new InvalidSandboxEndpoint(endpoint);
  return endpoint;
}

/** The headers of every request. */
export function authHeaders(token: string, org: string | undefined): Record<string, string> {
  return { authorization: `Bearer ${token}`, ...(org ? { "x-deno-org": org } : {}) };
}

function isEndpoint(text: string): boolean {
  return /^https?:\/\//.test(text) && !text.endsWith("/") && URL.canParse(text);
}

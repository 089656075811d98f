import { Buffer } from "node:buffer";
import { ConnectionEstablishmentError } from "../errors/connection.ts";
import { InvalidTokenError } from "../errors/settings.ts";
import { Rest } from "../rest/rest.ts";
import type { SandboxEndpointOptions } from "../rest/settings.ts";
import { authHeaders, resolveClient, resolveSandboxEndpoint } from "../rest/settings.ts";
import type { Connection } from "../transport/connection.ts";
import { openConnection } from "../transport/open.ts";
import { DEFAULT_MEMORY_MIB, parseMemory } from "./memory.ts";
import type { ConnectOptions, SandboxOptions } from "./options.ts";
import { parseTimeout } from "./timeout.ts";

/** @internal What a sandbox object is made of. */
export interface Session {
  connection: Connection;
  token: string;
  /** The server that holds the sandbox. */
  sandboxApi: Rest;
  /** The server that holds the organisation's other things. */
  consoleApi: Rest;
}

/** Opens the connection that creates a sandbox, or another to one that exists. `config` describes a new one. */
export async function openSession(
  path: string,
  options: ConnectOptions & SandboxEndpointOptions,
  config?: Record<string, unknown>,
): Promise<Session> {
  const { token, org, apiEndpoint } = resolveClient(options);
  const endpoint = resolveSandboxEndpoint(options);
  const url = new URL(path, endpoint);
  url.protocol = url.protocol.replace("http", "ws");
  const headers = authHeaders(token, org);
  if (config) headers["x-deno-sandbox-config"] = encode(config);
  const connection = await openConnection({ url, headers, debug: options.debug ?? false }).catch((error) => {
    throw asTokenError(error);
  });
  const sandboxApi = new Rest({ endpoint, token, org });
  return { connection, token, sandboxApi, consoleApi: new Rest({ endpoint: apiEndpoint, token, org }) };
}

/** What the server is told about a new sandbox (wire-protocol §4.1). Throws `InvalidMemoryError` and `InvalidTimeoutError`. */
export function sandboxConfig(options: SandboxOptions): Record<string, unknown> {
  const timeoutMs = parseTimeout(options.timeout);
  return {
    memory_mb: options.memory === undefined ? DEFAULT_MEMORY_MIB : parseMemory(options.memory),
    // The length rather than the moment of the end: this machine's clock need not agree with the server's.
    timeout: timeoutMs === undefined ? undefined : `${Math.ceil(timeoutMs / 1000)}s`,
    region: options.region,
    env: options.env,
    labels: options.labels,
    root: options.root ? { volume: options.root } : undefined,
    volumes: Object.entries(options.volumes ?? {}).map(([path, volume]) => ({ volume, path })),
    allow_net: options.allowNet,
    secrets: options.secrets,
    egress: options.egress,
  };
}

/** Base64 of JSON in ASCII, so that text of any script survives the header. */
function encode(config: Record<string, unknown>): string {
  const ascii = JSON.stringify(config).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return Buffer.from(ascii, "ascii").toString("base64");
}

function asTokenError(error: unknown): unknown {
  if (!(error instanceof ConnectionEstablishmentError) || error.code !== "INVALID_TOKEN") return error;
  const hint =
    "Create another with 'sandkeep token create', and pass it as the 'token' option or set DENO_DEPLOY_TOKEN.";
  return Object.assign(
    new InvalidTokenError(`The server refused the token: it is invalid or has been revoked. ${hint}`),
    {
      cause: error,
    },
  );
}

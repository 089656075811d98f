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
import { wireTimeout } from "./timeout.ts";

/** @internal The parts of a sandbox object. */
export interface SandboxParts {
  connection: Connection;
  token: string;
  /** The server with the sandbox. */
  sandboxApi: Rest;
  /** The server with the organisation's other resources. */
  consoleApi: Rest;
  /** Opens a connection to another sandbox on the same server. */
  another(id: string): Promise<SandboxParts>;
}

/** Opens a connection that creates a sandbox, or one to an existing sandbox. `config` describes a new one. */
export async function openSandbox(
  path: string,
  options: ConnectOptions & SandboxEndpointOptions,
  config?: Record<string, unknown>,
): Promise<SandboxParts> {
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
  return {
    connection,
    token,
    sandboxApi,
    consoleApi: new Rest({ endpoint: apiEndpoint, token, org }),
    another: (id) => openSandbox(`/api/v3/sandbox/${id}/connect`, options),
  };
}

/** The configuration of a new sandbox (wire-protocol §4.1). Throws `InvalidMemoryError` and `InvalidTimeoutError`. */
export function sandboxConfig(options: SandboxOptions): Record<string, unknown> {
  const timeout = wireTimeout(options.timeout);
  return {
    memory_mb: options.memory === undefined ? DEFAULT_MEMORY_MIB : parseMemory(options.memory),
    // A duration rather than an end time: this computer's clock may differ from the server's.
    timeout: timeout === "session" ? undefined : timeout,
    on_idle: options.onIdle,
    idle: wireTimeout(options.idle),
    region: options.region,
    env: options.env,
    labels: options.labels,
    root: options.root ? { volume: options.root } : undefined,
    volumes: Object.entries(options.volumes ?? {}).map(([path, mount]) =>
      typeof mount === "string" ? { volume: mount, path } : { volume: mount.volume, path, read_only: mount.readOnly },
    ),
    allow_net: options.allowNet,
    secrets: options.secrets,
    egress: options.egress,
  };
}

/** Base64 of ASCII-only JSON, so that text in any script survives in a header. */
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

import { PRIVATE } from "../private.ts";
import { path } from "../rest/rest.ts";
import type { SandboxParts } from "./opening.ts";
import type { VsCodeOptions } from "./options.ts";
import { VsCode } from "./vscode.ts";

/** What {@linkcode Sandbox.exposeHttp} gives an address, and what kind of address. */
export type ExposeHttpOptions = ({ port: number } | { pid: number }) & {
  /**
   * Sandkeep's own: who may use the address. `"none"`: everybody who knows it. `"token"`: only who has the token, which is part of the
   * URL; browsers keep it in a cookie.
   *
   * @default {"none"}
   */
  auth?: "none" | "token";
  /**
   * Sandkeep's own: a name instead of a random one, which your organisation keeps when the sandbox has ended. If another sandbox has
   * it, it moves to this one. 3 to 19 lowercase letters, digits and hyphens.
   */
  name?: string;
  /**
   * Sandkeep's own: how long the token is valid.
   *
   * @default {"24h"}
   */
  expires?: `${number}s` | `${number}m` | `${number}h`;
};

/** Publishes a port, or the HTTP server of a Deno process. Resolves to the URL. */
export async function exposeHttp(parts: SandboxParts, options: ExposeHttpOptions): Promise<string> {
  const { auth, name, expires, ...target } = options;
  if (expires !== undefined && auth !== "token")
    throw new TypeError('`expires` is how long a token is valid: it needs `auth: "token"`.');
  if (auth === undefined && name === undefined) return await publish(parts, "http", target);
  const { connection, sandboxApi } = parts;
  const { url } = await sandboxApi.json<{ url: string }>(
    "POST",
    path`/api/v3/sandbox/${connection.sandboxId}/expose/http`,
    { body: { ...target, auth, name, expiresInMs: expires && milliseconds(expires) } },
  );
  return url;
}

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

function milliseconds(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([smh])$/.exec(text) ?? [];
  if (number === undefined) throw new TypeError(`${JSON.stringify(text)} is no duration: write "30m" or "24h"`);
  return Math.ceil(Number(number) * UNITS[unit as keyof typeof UNITS]);
}

/** How to log in to a sandbox by SSH. */
export interface SshAccess {
  hostname: string;
  /** Whoever knows it can log in, unless a key is asked for too. */
  username: string;
  /** Sandkeep's own: the port. */
  port: number;
  /** Sandkeep's own: the server's key, as in `known_hosts`. */
  hostKey: string;
}

/** Options of {@linkcode Sandbox.exposeSsh}. */
export interface ExposeSshOptions {
  /** Sandkeep's own: public keys, as in `authorized_keys`, one of which must log in. */
  authorizedKeys?: string[];
}

/** Opens a sandbox to SSH. */
export async function exposeSsh(
  { connection, sandboxApi }: SandboxParts,
  options: ExposeSshOptions = {},
): Promise<SshAccess> {
  const { hostname, username, port, hostKey } = await sandboxApi.json<SshAccess>(
    "POST",
    path`/api/v3/sandbox/${connection.sandboxId}/expose/ssh`,
    { body: { authorizedKeys: options.authorizedKeys } },
  );
  return { hostname, username, port, hostKey };
}

/** Makes a link to a terminal in the browser. Resolves to the URL. */
export async function exposeTerminal({ connection, sandboxApi }: SandboxParts): Promise<string> {
  const { url } = await sandboxApi.json<{ url: string }>(
    "POST",
    path`/api/v1/sandboxes/${connection.sandboxId}/terminal`,
    { body: {} },
  );
  return url;
}

/** Starts VS Code and publishes it. */
export async function exposeVscode(parts: SandboxParts, directory: string, options: VsCodeOptions): Promise<VsCode> {
  if (directory === "/") throw new TypeError("VS Code cannot open the root directory: pass another directory");
  const { connection, token } = parts;
  const { extensions = [], preview, disableStopButton, editorSettings } = options;
  const started = await connection.call("vscode", {
    path: directory,
    env: { ...options.env, DENO_DEPLOY_SANDBOX_TOKEN: token },
    extensions,
    preview,
    disableStopButton,
    editorSettings,
  });
  const url = await publish(parts, "vscode", { port: started.port });
  return new VsCode(PRIVATE, {
    connection,
    url,
    pid: started.pid,
    stdout: connection.receive(started.stdoutStreamId),
    stderr: connection.receive(started.stderrStreamId),
  });
}

async function publish(
  { connection, sandboxApi }: SandboxParts,
  kind: "http" | "vscode",
  target: { port: number } | { pid: number },
): Promise<string> {
  const { domain } = await sandboxApi.json<{ domain: string }>(
    "POST",
    path`/api/v3/sandbox/${connection.sandboxId}/expose/${kind}`,
    {
      body: {},
    },
  );
  await connection.call("exposeHttp", { domain, ...target });
  return `https://${domain}`;
}

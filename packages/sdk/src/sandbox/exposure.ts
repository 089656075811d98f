import { PRIVATE } from "../private.ts";
import { path } from "../rest/rest.ts";
import type { SandboxParts } from "./opening.ts";
import type { VsCodeOptions } from "./options.ts";
import { VsCode } from "./vscode.ts";

/** Publishes a port, or the HTTP server of a Deno process. Resolves to the URL. */
export async function exposeHttp(parts: SandboxParts, target: { port: number } | { pid: number }): Promise<string> {
  return await publish(parts, "http", target);
}

/** Opens a sandbox to SSH. */
export async function exposeSsh({
  connection,
  sandboxApi,
}: SandboxParts): Promise<{ hostname: string; username: string }> {
  const { hostname, username } = await sandboxApi.json<{ hostname: string; username: string }>(
    "POST",
    path`/api/v3/sandbox/${connection.sandboxId}/expose/ssh`,
    { body: {} },
  );
  return { hostname, username };
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

import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { HttpsUpstream, refuse } from "./upstream.ts";

export interface FilesSettings {
  host: string;
  authority: TestAuthority;
  /** Variable of the secret. */
  variable: string;
  /** User name whose password is the secret; without one, the secret is a bearer token. */
  user?: string;
  /** Served files by path, such as `/simple/demo/`. */
  files: Record<string, string | Uint8Array>;
}

/** An upstream that serves files to clients that send the secret. */
export function startFiles({ files, user, ...settings }: FilesSettings): Promise<HttpsUpstream> {
  return HttpsUpstream.start(settings, (credential) => ({ headers: { authorization } }, response, url) => {
    if (user ? !credential.isBasic(authorization, user) : !credential.isBearer(authorization))
      return refuse(response, user ? "Basic" : "Bearer");
    const content = files[decodeURIComponent(url.pathname)];
    if (content === undefined) {
      response.writeHead(404);
      response.end("no such file\n");
      return;
    }
    const text = typeof content === "string";
    const type = !text ? "application/octet-stream" : content.startsWith("{") ? "application/json" : "text/html";
    response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(content) });
    response.end(content);
  });
}

import { createHash } from "node:crypto";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { HttpsUpstream, refuse } from "./upstream.ts";

/** The response to requests that carry the secret. */
export interface Answer {
  httpVersion: string;
  method: string;
  /** SHA-256 of the request body, hexadecimal. */
  digest: string;
}

/** An API that reports how it was requested, over HTTP/1.1 and HTTP/2. */
export function startWeb(authority: TestAuthority): Promise<HttpsUpstream> {
  return HttpsUpstream.start(
    { host: "api.example.com", authority, variable: "API_TOKEN", http2: true },
    (credential) => async (request, response) => {
      if (!credential.isBearer(request.headers.authorization)) return refuse(response);
      const hash = createHash("sha256");
      for await (const chunk of request) hash.update(chunk as Uint8Array);
      const answer: Answer = { httpVersion: request.httpVersion, method: request.method!, digest: hash.digest("hex") };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(`${JSON.stringify(answer)}\n`);
    },
  );
}

import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { tool } from "../packages/command.ts";
import { scratch } from "../packages/scratch.ts";
import type { Credential } from "./credential.ts";
import { HttpsUpstream, type Request, refuse, type Upstream } from "./upstream.ts";

/** User name; the password is the secret. */
export const GIT_USER = "ci";
/** Most bytes of a CGI program's header. */
const MAX_HEADER_BYTES = 16 * 1024;

/** Git's own server of the smart protocol, `git http-backend`, with one repository, `/demo.git`. */
export class GitServer implements Upstream {
  readonly upstream: HttpsUpstream;
  readonly #dir: string;
  readonly #owned: AsyncDisposableStack;

  private constructor(upstream: HttpsUpstream, dir: string, owned: AsyncDisposableStack) {
    this.upstream = upstream;
    this.#dir = dir;
    this.#owned = owned;
  }

  static async start(authority: TestAuthority): Promise<GitServer> {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await scratch("git")).path;
    const git = (...args: string[]) =>
      tool("git", ["-c", "user.name=Test", "-c", "user.email=test@example.com", ...args], { cwd: dir });
    await git("init", "--quiet", "--initial-branch=main", "work");
    await writeFile(join(dir, "work/greeting.txt"), "hello from git\n");
    await git("-C", "work", "add", ".");
    await git("-C", "work", "commit", "--quiet", "-m", "First");
    await git("clone", "--quiet", "--bare", "work", "demo.git");
    await git("-C", "demo.git", "config", "http.receivepack", "true");
    const upstream = stack.use(
      await HttpsUpstream.start(
        { host: "git.example.com", authority, variable: "GIT_PASSWORD" },
        (credential) => (request, response, url) => {
          if (!credential.isBasic(request.headers.authorization, GIT_USER)) return refuse(response, "Basic");
          return runBackend(dir, request, response, url);
        },
      ),
    );
    return new GitServer(upstream, dir, stack.move());
  }

  get host(): string {
    return this.upstream.host;
  }

  get allow(): string {
    return this.host;
  }

  get port(): number {
    return this.upstream.port;
  }

  get credential(): Credential {
    return this.upstream.credential;
  }

  /** The text of a file at the tip of `main`, as it was pushed. */
  show(path: string): Promise<string> {
    return tool("git", ["-C", join(this.#dir, "demo.git"), "show", `main:${path}`]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** CGI, RFC 3875. */
async function runBackend(root: string, request: Request, response: ServerResponse, url: URL): Promise<void> {
  const header = (name: string) => String(request.headers[name] ?? "");
  const env = {
    ...process.env,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: url.pathname,
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: request.method!,
    REMOTE_USER: GIT_USER,
    CONTENT_TYPE: header("content-type"),
    CONTENT_LENGTH: header("content-length"),
    HTTP_CONTENT_ENCODING: header("content-encoding"),
    HTTP_GIT_PROTOCOL: header("git-protocol"),
    GIT_PROTOCOL: header("git-protocol"),
  };
  const child = spawn("git", ["http-backend"], { env, stdio: ["pipe", "pipe", "ignore"] });
  response.once("close", () => child.kill());
  const sent = pipeline(request, child.stdin).catch(() => {});
  let head = Buffer.alloc(0);
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    head = Buffer.concat([head, chunk as Buffer]);
    const end = head.indexOf("\r\n\r\n");
    if (end >= 0) {
      writeCgiHead(response, head.subarray(0, end).toString("latin1"));
      response.write(head.subarray(end + 4));
      break;
    }
    if (head.length > MAX_HEADER_BYTES) throw new Error("git http-backend has no header");
  }
  await pipeline(child.stdout, response);
  await sent;
}

function writeCgiHead(response: ServerResponse, head: string): void {
  const lines = head.split("\r\n").map((line) => line.split(/: (.*)/s) as [string, string]);
  const status = lines.find(([name]) => name.toLowerCase() === "status")?.[1];
  response.writeHead(
    status ? Number.parseInt(status, 10) : 200,
    Object.fromEntries(lines.filter(([name]) => name.toLowerCase() !== "status")),
  );
}

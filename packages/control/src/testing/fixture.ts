import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scope, Token } from "@sandkeep/protocol";
import { pino } from "pino";
import type { ConfigInput } from "../config/schema.ts";
import { type Server, type ServerOptions, startServer } from "../server.ts";
import { sharedAgent } from "./agent-binary.ts";
import { ProcessHost, type ProcessHostOptions } from "./process-host.ts";

const isRaw = (body: unknown): body is string | Uint8Array<ArrayBuffer> =>
  typeof body === "string" || body instanceof Uint8Array;

/** FOR TESTS ONLY: a server on a free port with a data directory of its own, on machines that are local processes. */
export class Fixture implements AsyncDisposable {
  readonly dir: string;
  readonly #agent: string;
  #server: Server | null = null;
  host!: ProcessHost;
  /** Everything that was logged. */
  readonly logged: string[] = [];

  private constructor(dir: string, agent: string) {
    this.dir = dir;
    this.#agent = agent;
  }

  static async start(
    config: ConfigInput = {},
    host: Partial<ProcessHostOptions> = {},
    options: Partial<ServerOptions> = {},
  ): Promise<Fixture> {
    const dir = await mkdtemp(join(tmpdir(), "sandkeep-server-"));
    const fixture = new Fixture(dir, (await sharedAgent()).path);
    await fixture.start(config, host, options);
    return fixture;
  }

  /** Starts a server on the same data, after the previous one was closed. */
  async start(
    config: ConfigInput = {},
    host: Partial<ProcessHostOptions> = {},
    options: Partial<ServerOptions> = {},
  ): Promise<void> {
    this.host = new ProcessHost({ dir: join(this.dir, "machines"), agent: this.#agent, ...host });
    this.#server = null;
    const log = pino({ level: "debug" }, { write: (line: string) => void this.logged.push(line) });
    this.#server = await startServer({
      hosts: [this.host],
      log,
      config: { port: 0, dataDir: join(this.dir, "data"), ...config },
      ...options,
    });
  }

  get server(): Server {
    if (!this.#server) throw new Error("no server runs");
    return this.#server;
  }

  get origin(): string {
    return this.server.apiEndpoint;
  }

  /** A REST request with a token. */
  async request(
    method: string,
    path: string,
    {
      body,
      token = this.server.token,
      headers = {},
    }: { body?: unknown; token?: string | null; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    return await fetch(new URL(path, this.origin), {
      method,
      headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
      ...(body !== undefined && { body: isRaw(body) ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
  }

  /** A GET's JSON. */
  async get<Answer>(path: string, token?: string): Promise<Answer> {
    const response = await this.request("GET", path, token === undefined ? {} : { token });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  /** A new token, of a new organisation if requested. */
  async token(
    options: { name?: string; organisation?: string; expiresInMs?: number; admin?: boolean; scope?: Scope } = {},
  ): Promise<Token & { token: string }> {
    if (options.organisation !== undefined)
      await this.request("POST", "/api/v1/organisations", { body: { slug: options.organisation } });
    const response = await this.request("POST", "/api/v1/tokens", { body: { name: "test", ...options } });
    if (response.status !== 201) throw new Error(await response.text());
    return (await response.json()) as Token & { token: string };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close();
    await this.host.removeAllPaused();
    await rm(this.dir, { recursive: true, force: true });
  }
}

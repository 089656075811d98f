import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DiskFinding } from "@sandkeep/host";
import { Client } from "sandkeep";
import { identified, lives, type Process, tree } from "../../harness/processes.ts";
import { processesNaming } from "../../host/fixture.ts";

/** How much of its log is kept, in pieces as they come. */
const LOG_CHUNKS = 50;

interface Endpoints {
  sandboxEndpoint: string;
  apiEndpoint: string;
  token: string;
}

/** A server in a process of its own, with its proxies and machines. */
export class Stack {
  readonly client: Client;
  readonly dataDir: string;
  readonly #endpoints: Endpoints;
  readonly #child: ChildProcess;
  readonly #log: readonly string[];

  private constructor(dataDir: string, child: ChildProcess, endpoints: Endpoints, log: readonly string[]) {
    this.dataDir = dataDir;
    this.#child = child;
    this.#log = log;
    this.#endpoints = endpoints;
    this.client = new Client(endpoints);
  }

  /** @param aheadMiB memory for the warm pool, which costs processor time that a server that lives for seconds has no use for */
  static async start(dataDir: string, aheadMiB = 0): Promise<Stack> {
    const child = spawnServer(dataDir, aheadMiB);
    const log: string[] = [];
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding("utf8").on("data", (text: string) => void (log.push(text) > LOG_CHUNKS && log.shift()));
    const [said] = await Promise.race([once(child, "message"), once(child, "exit")]);
    if (typeof said !== "object" || said === null)
      throw new Error(`The server did not start (${said}).\n${log.join("")}`);
    return new Stack(dataDir, child, said as Endpoints, log);
  }

  /** Starts a server that is killed while it starts. */
  static async startInVain(dataDir: string, killAfterMs: number): Promise<void> {
    const child = spawnServer(dataDir, 0);
    for (const stream of [child.stdout!, child.stderr!]) stream.resume();
    const ended = once(child, "exit");
    setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    await ended;
  }

  /** The end of its log. */
  get log(): string {
    return this.#log.join("");
  }

  /** Its process, its proxies, and machines, also those of the server before it. */
  async processes(): Promise<Process[]> {
    const own = this.#hasEnded ? [] : tree(this.#child.pid!);
    return [...own, ...identified((await processesNaming(this.dataDir)).keys())];
  }

  /** Whether a sandbox is running, paused or stopped. */
  async statusOf(id: string): Promise<string> {
    return (await this.#get<{ status: string }>(`/api/v1/sandboxes/${id}`)).status;
  }

  /** Ids of the sandboxes with a status. */
  async sandboxes(status: string): Promise<string[]> {
    return (await this.#get<{ id: string }[]>(`/api/v1/sandboxes?status=${status}`)).map(({ id }) => id);
  }

  /** Ends a sandbox, running or paused, unless it has ended by itself. */
  async end(id: string): Promise<void> {
    const response = await this.#request(`/api/v3/sandbox/${id}`, "DELETE");
    if (!response.ok && response.status !== 404) throw new Error(`ending ${id}: ${await response.text()}`);
  }

  /** Ids of volumes or snapshots, deleted ones included whose data is kept. */
  async disks(kind: "volumes" | "snapshots"): Promise<string[]> {
    const lists = ["ready", "deleted"].map((state) =>
      this.#get<{ id: string }[]>(`/api/v1/${kind}?limit=100&state=${state}`),
    );
    return (await Promise.all(lists)).flat().map(({ id }) => id);
  }

  /** Removes all volumes and snapshots. */
  async removeDisks(): Promise<void> {
    for (const kind of ["volumes", "snapshots"] as const)
      await Promise.all((await this.disks(kind)).map((id) => this.client[kind].delete(id, { now: true })));
  }

  async #get<Answer>(path: string): Promise<Answer> {
    const response = await this.#request(path, "GET");
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  /** A request to the REST API. */
  async #request(path: string, method: string): Promise<Response> {
    const { apiEndpoint, token } = this.#endpoints;
    return await fetch(new URL(path, apiEndpoint), { method, headers: { authorization: `Bearer ${token}` } });
  }

  /** What the host says about every disk. */
  async verify(): Promise<DiskFinding[]> {
    const answer = once(this.#child, "message");
    this.#child.send("verify");
    return (await answer)[0];
  }

  /** Kills the server, as the kernel's OOM killer would, or everything that runs, as a reset of the computer would. */
  async kill(what: "server" | "everything"): Promise<void> {
    const doomed = what === "everything" ? await this.processes() : [];
    this.#child.kill("SIGKILL");
    doomed.forEach(kill);
    await this.#ended();
    // What it has just started.
    if (what === "everything") identified((await processesNaming(this.dataDir)).keys()).forEach(kill);
  }

  /** Stops it as users do. */
  async stop(): Promise<void> {
    this.#child.disconnect();
    await this.#ended();
  }

  async #ended(): Promise<void> {
    if (!this.#hasEnded) await once(this.#child, "exit");
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

function kill(one: Process): void {
  if (lives(one)) process.kill(one.pid, "SIGKILL");
}

function spawnServer(dataDir: string, aheadMiB: number): ChildProcess {
  return fork(fileURLToPath(new URL("server-program.ts", import.meta.url)), [dataDir, `${aheadMiB}`], {
    env: { ...process.env, NODE_COMPILE_CACHE: join(dataDir, "compile-cache") },
    execArgv: process.execArgv.filter((arg) => arg.startsWith("--conditions")),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
}

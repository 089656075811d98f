/** FOR TESTS ONLY: a jailed proxy that runs code from the test in its process. */
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { silentLogger } from "@sandkeep/common";
import type { JailKind } from "@sandkeep/jail";
import type { EgressConfig, EgressEvent } from "../../contract.ts";
import { FakeGuest } from "../../testing/guest.ts";
import type { EgressProxies, EgressProxiesOptions } from "../proxies.ts";
import { openProxies } from "./open-proxies.ts";

/** A name that leads to a port where nothing listens; requests to it are answered by the hooks. */
const NAME = "inside.example";

export class JailedLab implements AsyncDisposable {
  /** Folder of the keys, of the ports, and of the guest's socket. */
  readonly dir: string;
  readonly proxies: EgressProxies;
  readonly events: EgressEvent[] = [];
  readonly logged: string[] = [];
  /** The sandbox that each line of {@link logged} is about. */
  readonly about: (string | undefined)[] = [];
  readonly #guest: FakeGuest;
  readonly #upstream: { port: number } & AsyncDisposable;

  private constructor(
    dir: string,
    guest: FakeGuest,
    upstream: { port: number } & AsyncDisposable,
    jail: JailKind,
    config: Partial<EgressConfig>,
    options: Partial<EgressProxiesOptions>,
  ) {
    this.dir = dir;
    this.#guest = guest;
    this.#upstream = upstream;
    const note = (fields: { sandbox?: string }, words: string) => {
      this.logged.push(words);
      this.about.push(fields.sandbox);
    };
    const hosts = { [NAME]: `127.0.0.1:${upstream.port}` };
    const hooks = fileURLToPath(new URL("./inside/hooks.mjs", import.meta.url));
    this.proxies = openProxies(
      dir,
      { hosts, hooks, ...config },
      {
        jail,
        log: { ...silentLogger, info: note, warn: note, error: note },
        onEvent: async (_, event) => void this.events.push(event),
        ...options,
      },
    );
  }

  static async start(
    upstream: { port: number } & AsyncDisposable,
    jail: JailKind,
    config: Partial<EgressConfig> = {},
    options: Partial<EgressProxiesOptions> = {},
  ): Promise<JailedLab> {
    const dir = await mkdtemp(join(tmpdir(), "sk-jailed-"));
    const lab = new JailedLab(dir, await FakeGuest.listen(join(dir, "guest")), upstream, jail, config, options);
    await lab.proxies.attach("inside", lab.#guest.socket, {
      policy: { allow: [NAME], deny: [], rules: [] },
      secrets: [],
    });
    return lab;
  }

  get pid(): number {
    const [pid] = this.proxies.pids;
    if (pid === undefined) throw new Error("the proxy does not run");
    return pid;
  }

  /**
   * Runs the body of an async function in the proxy's process; `load` imports a module there. Returns its result.
   *
   * @throws {Error} with what went wrong there
   */
  async run<T>(code: string): Promise<T> {
    const flow = (await this.#guest.connectTo(NAME, 80)) as Duplex;
    const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const asking = request(
        {
          method: "POST",
          host: NAME,
          headers: { host: NAME, connection: "close" },
          createConnection: () => flow as never,
        },
        (response) => text(response).then((body) => resolve({ status: response.statusCode!, body }), reject),
      );
      asking.once("error", reject);
      asking.end(code);
    });
    if (answer.status !== 200) throw new Error(answer.body);
    return JSON.parse(answer.body) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxies[Symbol.asyncDispose]();
    await this.#guest[Symbol.asyncDispose]();
    await this.#upstream[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true });
  }
}

import { basename, join } from "node:path";
import type { Guest } from "./guest.ts";
import { tool } from "./packages/command.ts";
import { debs } from "./packages/debs.ts";
import { buildGo } from "./packages/go-program.ts";
import { packNodeModules } from "./packages/node-modules.ts";
import { pythonPackages } from "./packages/python-packages.ts";
import { scratch } from "./packages/scratch.ts";

/** What the clients import and need to run. */
const NODE_PACKAGES = ["openai", "@anthropic-ai/sdk", "@grpc/grpc-js", "pg"];
const PYTHON_PACKAGES = ["requests", "httpx[http2]", "aiohttp", "websockets", "psycopg[binary]", "grpcio"];
/** Time limit for an installation under emulation, in milliseconds. */
const INSTALL_TIMEOUT_MS = 150_000;
/** The guest's release. */
const SUITE = "trixie";

/** Installs in the guest what its image lacks and clients need, each once, without a network. */
export class Tools {
  readonly #guest: Guest;
  /** dpkg's status of the original image, so that the missing packages do not depend on the order of tests. */
  readonly #status: string;
  readonly #done = new Map<string, Promise<void>>();

  private constructor(guest: Guest, status: string) {
    this.#guest = guest;
    this.#status = status;
  }

  /** For a guest in which nothing has been installed yet. */
  static async create(guest: Guest): Promise<Tools> {
    return new Tools(guest, await guest.sandbox.fs.readTextFile("/var/lib/dpkg/status"));
  }

  /** npm packages, beside the clients. */
  node(): Promise<void> {
    return this.#once("node", (dir) => this.#node(dir));
  }

  /** Python packages. */
  python(): Promise<void> {
    return this.#once("python", async (dir) => {
      const archive = join(dir, "python.tar");
      await tool("tar", ["--create", "--file", archive, "-C", await pythonPackages(PYTHON_PACKAGES), "."]);
      await this.#unpack(archive, "$(python -m site --user-site)");
    });
  }

  /** Debian packages, with their dependencies. */
  debian(name: string): Promise<void> {
    return this.#once(name, async () => {
      const folder = await debs({ packages: [name], suite: SUITE, status: this.#status });
      await this.#guest.upload(folder, "/tmp");
      await this.#guest.run(`sudo dpkg --install --force-unsafe-io /tmp/${basename(folder)}/*.deb`, {
        timeoutMs: INSTALL_TIMEOUT_MS,
      });
    });
  }

  /** The Go client, built on this computer, as `clients/go/program`. */
  go(): Promise<void> {
    return this.#once("go", async (dir) =>
      this.#guest.upload(await buildGo(join(import.meta.dirname, "clients/go/main.go"), dir), "clients/go/program"),
    );
  }

  async #node(dir: string): Promise<void> {
    const archive = join(dir, "node_modules.tar");
    await packNodeModules(NODE_PACKAGES, archive);
    await this.#unpack(archive, "clients");
  }

  async #unpack(archive: string, into: string): Promise<void> {
    const remote = `/tmp/${basename(archive)}`;
    await this.#guest.upload(archive, remote);
    await this.#guest.run(`mkdir -p ${into}; tar --extract --file ${remote} -C ${into}`);
  }

  #once(name: string, install: (dir: string) => Promise<void>): Promise<void> {
    const begun = this.#done.get(name);
    if (begun) return begun;
    const installed = inScratch(install);
    this.#done.set(name, installed);
    return installed;
  }
}

async function inScratch(install: (dir: string) => Promise<void>): Promise<void> {
  await using folder = await scratch("tools");
  await install(folder.path);
}

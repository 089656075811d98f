import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Guest } from "./guest.ts";
import { tool } from "./packages/command.ts";
import { debs } from "./packages/debs.ts";
import { buildGo } from "./packages/go_program.ts";
import { packNodeModules } from "./packages/node_modules.ts";
import { pythonPackages } from "./packages/python_packages.ts";

/** What the clients import, without which they do not run. */
const NODE_PACKAGES = ["openai", "@anthropic-ai/sdk", "@grpc/grpc-js", "pg"];
const PYTHON_PACKAGES = ["requests", "httpx[http2]", "aiohttp", "websockets", "psycopg[binary]"];
/** An installation under emulation that takes longer hangs, in milliseconds. */
const INSTALL_TIMEOUT_MS = 150_000;
/** The guest's release. */
const SUITE = "trixie";

/** Puts into the guest what its image lacks and clients need; each thing once, without a network. */
export class Tools {
  readonly #guest: Guest;
  readonly #done = new Map<string, Promise<void>>();

  constructor(guest: Guest) {
    this.#guest = guest;
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

  /** Debian packages, with what they need. */
  debian(name: string): Promise<void> {
    return this.#once(name, async () => {
      const status = await this.#guest.run("cat /var/lib/dpkg/status");
      const folder = await debs({ packages: [name], suite: SUITE, status });
      await this.#guest.upload(folder, "/tmp");
      await this.#guest.run(`sudo dpkg --install --force-unsafe-io /tmp/${basename(folder)}/*.deb`, { timeoutMs: INSTALL_TIMEOUT_MS });
    });
  }

  /** The Go client, built on this machine, as `clients/go/program`. */
  go(): Promise<void> {
    return this.#once("go", async (dir) => this.#guest.upload(await buildGo(join(import.meta.dirname, "clients/go/main.go"), dir), "clients/go/program"));
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
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-tools-"));
  try {
    await install(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

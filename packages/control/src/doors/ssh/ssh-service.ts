import { join } from "node:path";
import type { Logger } from "@sandkeep/common";
import { type HostKey, hostKey, isAuthorizedKey, type SshDoor, type SshDoors, SshServer } from "@sandkeep/doors";
import { type Actor, ApiError, type ExposeSshAnswer } from "@sandkeep/protocol";
import { ConfigError } from "../../config/error.ts";
import type { Config } from "../../config/schema.ts";
import type { DoorTable } from "../door-table.ts";
import type { SandboxDoors } from "../sandbox-doors.ts";

/** File in the data directory. */
const KEY_FILE = "ssh-host-key";
/** If the configuration names no port, and this one is free. */
const DEFAULT_PORT = 7722;

/** What only doors for SSH have. */
interface SshDetails {
  authorizedKeys: string[];
}

/** How clients reach the SSH server of this installation. */
export type SshAddress = Omit<ExposeSshAnswer, "username">;

/** The SSH server, and the doors that lead through it. */
export class SshService implements SshDoors, AsyncDisposable {
  readonly address: SshAddress;
  readonly #server: SshServer;
  readonly #table: DoorTable;

  private constructor(table: DoorTable, key: HostKey, hostname: string, log: Logger) {
    this.#table = table;
    this.#server = new SshServer({ doors: this, hostKey: key.privateKey, log });
    this.address = { hostname, port: 0, hostKey: key.publicKey, fingerprint: key.fingerprint };
  }

  /** Null if the configuration turns it off. @throws {ConfigError} */
  static async start(config: Config, table: DoorTable, log: Logger): Promise<SshService | null> {
    if (config.ssh.port === null) return null;
    const key = await hostKey(join(config.dataDir, KEY_FILE)).catch((cause: Error) => {
      throw new ConfigError(cause.message, { cause });
    });
    const service = new SshService(table, key, hostnameFor(config), log);
    const port = await service.#listen(config, log);
    service.address.port = config.ssh.publicPort ?? port;
    return service;
  }

  async #listen({ host, port: apiPort, ssh: { port: wanted } }: Config, log: Logger): Promise<number> {
    if (wanted === "auto" && apiPort !== 0) {
      try {
        return await this.#server.listen(DEFAULT_PORT, host);
      } catch (error) {
        log.warn({ err: error }, `SSH gets another port than ${DEFAULT_PORT}; ssh.port in the configuration fixes one`);
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
        throw new ApiError("INVALID_REQUEST", `authorizedKeys[${index}] is no public key in OpenSSH's format.`);
    const details: SshDetails = { authorizedKeys };
    const { record } = await doors.open("ssh", {}, actor, details);
    void this.#server.warmUp();
    return { ...this.address, username: record.name };
  }

  async find(username: string): Promise<SshDoor | undefined> {
    const door = this.#table.named(username);
    const sandbox = door?.sandbox;
    // Names of other doors are in public addresses: they must let nobody in.
    if (door?.record.kind !== "ssh" || !sandbox || sandbox.isOver) return undefined;
    const { id, sandboxId } = door;
    return {
      id,
      sandboxId,
      authorizedKeys: (door.record.details as SshDetails | null)?.authorizedKeys ?? [],
      target: sandbox.target,
      onClose: (close) => {
        // It may have been closed during the login.
        if (this.#table.named(username) !== door || door.sandbox !== sandbox) queueMicrotask(close);
        return door.onClose(close);
      },
      report: (report) => sandbox.report(report),
    };
  }
}

/** What clients call this server. */
function hostnameFor({ host, publicUrl, ssh }: Config): string {
  if (ssh.hostname !== null) return ssh.hostname;
  if (publicUrl !== undefined) return new URL(publicUrl).hostname.replace(/^\[|\]$/g, "");
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

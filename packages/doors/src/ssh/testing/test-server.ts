import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@sandkeep/common";
import type { SshDoor, SshDoors, SshReport } from "../contract.ts";
import { type HostKey, hostKey } from "../keys/host-key.ts";
import { SshServer } from "../server.ts";
import { LocalTarget } from "./local-target.ts";

/** FOR TESTS ONLY: a server with doors that lead to this computer. */
export class TestServer implements SshDoors, AsyncDisposable {
  readonly directory: string;
  readonly key: HostKey;
  readonly port: number;
  readonly reports: SshReport[] = [];
  readonly target: LocalTarget;
  /** Whether reports fail. */
  refusesReports = false;
  readonly #server: SshServer;
  readonly #doors = new Map<string, { door: SshDoor; close(): void }>();
  readonly #watchers = new Set<() => void>();

  private constructor(directory: string, key: HostKey, start: (doors: SshDoors) => SshServer) {
    this.directory = directory;
    this.key = key;
    this.target = new LocalTarget(directory);
    this.#server = start(this);
    this.port = 0;
  }

  static async start(): Promise<TestServer> {
    const directory = await mkdtemp(join(tmpdir(), "sandkeep-ssh-"));
    const key = await hostKey(join(directory, "host-key"));
    const server = new TestServer(
      directory,
      key,
      (doors) => new SshServer({ doors, hostKey: key.privateKey, log: silentLogger }),
    );
    (server as { port: number }).port = await server.#server.listen(0, "127.0.0.1");
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Adds a door. */
  open(username: string, authorizedKeys: readonly string[] = []): void {
    const visitors = new Set<() => void>();
    let closed = false;
    const door: SshDoor = {
      id: `door_${username}`,
      sandboxId: "sbx_test",
      organisation: "org_test",
      authorizedKeys,
      target: this.target,
      onClose: (callback) => {
        if (closed) callback();
        else visitors.add(callback);
        return { [Symbol.dispose]: () => void visitors.delete(callback) };
      },
      report: (report) => {
        if (this.refusesReports) throw new Error("The disk is full.");
        this.reports.push(report);
        for (const watcher of this.#watchers) watcher();
      },
    };
    const close = () => {
      closed = true;
      for (const leave of visitors) leave();
    };
    this.#doors.set(username, { door, close });
  }

  /** Closes a door, as the end of its sandbox does. */
  close(username: string): void {
    const { close } = this.#doors.get(username)!;
    this.#doors.delete(username);
    close();
  }

  find(username: string): Promise<SshDoor | undefined> {
    return Promise.resolve(this.#doors.get(username)?.door);
  }

  /** The first report of this kind, and of this connection if one is given, that there is or will be. */
  async reported<Action extends SshReport["action"]>(
    action: Action,
    connection?: string,
  ): Promise<SshReport & { action: Action }> {
    const fits = (report: SshReport) =>
      report.action === action && (connection === undefined || report.connection === connection);
    for (;;) {
      const found = this.reports.find(fits);
      if (found) return found as SshReport & { action: Action };
      await new Promise<void>((resolve) => {
        const watcher = () => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }
}

/**
 * The guests' ports that one proxy process can reach: a folder with hard links to the sockets of its own sandboxes, and of no others.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** The proxy's user may pass through, not list. The folder above is closed to everybody else. */
const PASS_ONLY = 0o711;

export class Ports implements Disposable {
  /** The folder, which the process sees. */
  readonly folder: string;
  readonly #user: { uid: number; gid: number } | null;

  /** @param user the process's, if that is not the server's */
  constructor(folder: string, user: { uid: number; gid: number } | null) {
    this.folder = folder;
    this.#user = user;
    mkdirSync(folder, { mode: 0o700 });
    if (user) chmodSync(folder, PASS_ONLY);
  }

  /**
   * Lets the process connect to a socket.
   *
   * @returns its name in the folder, which is new each time
   * @throws {Error} if there is no socket at the path
   */
  add(socket: string): string {
    const name = randomBytes(8).toString("hex");
    const path = join(this.folder, name);
    // link(2) does not follow a symbolic link. What is checked is what was linked: nobody else can write to the folder.
    linkSync(socket, path);
    try {
      if (!lstatSync(path).isSocket()) throw new Error(`${socket} is not a socket.`);
      // To connect to a socket is to write to it.
      if (this.#user) chownSync(path, this.#user.uid, this.#user.gid);
    } catch (error) {
      this.remove(name);
      throw error;
    }
    return name;
  }

  /** @param name from {@link add} */
  remove(name: string): void {
    rmSync(join(this.folder, name), { force: true });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

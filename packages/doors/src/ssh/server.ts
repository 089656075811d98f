import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Backlog } from "./backlog.ts";
import type { SshConnection } from "./connection.ts";
import { MAX_ALL_UNREAD_BYTES, MAX_CONNECTIONS } from "./limits.ts";
import { admits, mustLeave } from "./login/crowd.ts";
import { Guesses } from "./login/guesses.ts";
import type { Sender, SshServerOptions, SshServices } from "./services.ts";

/** `ssh2` takes a tenth of a second to load, so that happens when somebody needs it. */
const load = async () => {
  const [{ SshConnection }, { parseAuthorizedKey }] = await Promise.all([
    import("./connection.ts"),
    import("./login/authentication.ts"),
  ]);
  return { SshConnection, parseAuthorizedKey };
};

/** Whether a line, as in `authorized_keys`, is a public key that a door can ask for. */
export async function isAuthorizedKey(line: string): Promise<boolean> {
  const { parseAuthorizedKey } = await load();
  return parseAuthorizedKey(line) !== null;
}

/** Lets people in whose user name is that of a door. */
export class SshServer implements AsyncDisposable {
  readonly #services: SshServices;
  readonly #listener = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    this.#take(socket).catch((error: unknown) => {
      this.#services.log.error({ err: error }, "an SSH client could not be served");
      socket.destroy();
    });
  });
  /** In the order in which they came. */
  readonly #connections = new Set<SshConnection>();
  readonly #backlog = new Backlog<Sender>(MAX_ALL_UNREAD_BYTES);

  constructor(options: SshServerOptions) {
    this.#services = {
      ...options,
      guesses: new Guesses(),
      admits: (door) => admits(this.#connections, door),
      hasSent: (client) =>
        this.#backlog.note(client)?.close("All clients together send more than their sandboxes take."),
    };
  }

  /**
   * @param port 0 for any
   * @returns the port
   * @throws the operating system's error
   */
  async listen(port: number, host: string): Promise<number> {
    this.#listener.listen(port, host);
    await once(this.#listener, "listening");
    // Without file descriptors, for example, it cannot accept a connection; it goes on with the next.
    this.#listener.on("error", (error) => this.#services.log.error({ err: error }, "an SSH client could not connect"));
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Makes it answer the first connection as fast as later ones. */
  warmUp(): void {
    // If that fails, so does the first connection, with a log entry.
    load().catch(() => {});
  }

  /** Ends every connection, and resolves when they are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#listener.listening) this.#listener.close();
    const connections = [...this.#connections];
    for (const connection of connections) connection.close("The server is being stopped.");
    await Promise.all(connections.map(({ closed }) => closed));
  }

  async #take(socket: Socket): Promise<void> {
    const { SshConnection } = await load();
    const { remoteAddress, destroyed } = socket;
    // It has disconnected already.
    if (remoteAddress === undefined || destroyed) return void socket.destroy();
    if (this.#connections.size >= MAX_CONNECTIONS || !this.#listener.listening) return void socket.destroy();
    const connection = new SshConnection(socket, this.#services);
    this.#connections.add(connection);
    void connection.closed.then(() => {
      this.#connections.delete(connection);
      this.#backlog.forget(connection);
    });
    mustLeave(this.#connections)?.close("Others want to log in.");
  }
}

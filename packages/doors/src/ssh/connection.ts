import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { AuthContext, Connection as Client } from "ssh2";
import { Room } from "./channels/room.ts";
import type { SshActivity, SshDoor } from "./contract.ts";
import { Intake } from "./intake.ts";
import { FAREWELL_MS, LOGIN_MS, MAX_ATTEMPTS, MAX_LOGIN_BYTES, REKEYS } from "./limits.ts";
import { Authentication } from "./login/authentication.ts";
import { DISCONNECT, filterMessages, isOfLogin, isOfServer } from "./login/messages.ts";
import { Pace } from "./pace.ts";
import { sshServer } from "./protocol-server.ts";
import { ServedClient } from "./served-client.ts";
import type { SshServices } from "./services.ts";

/** One client, from its first byte to its last. */
export class SshConnection {
  readonly id = `ssh_${randomBytes(8).toString("hex")}`;
  readonly remote: string;
  /** Resolves when its socket is closed. */
  readonly closed: Promise<void>;
  readonly #services: SshServices;
  readonly #socket: Socket;
  readonly #room: Room;
  readonly #intake: Intake;
  readonly #authentication: Authentication;
  /** Aborted when nothing more can come of it. */
  readonly #gone = new AbortController();
  readonly #tooLate: NodeJS.Timeout;
  readonly #rekeys = new Pace(REKEYS);
  #client: Client | null = null;
  #attempts = 0;
  #guessed = false;
  #login: { door: SshDoor; key: string | null } | null = null;
  #served: ServedClient | null = null;
  #reason: string | null = null;

  constructor(socket: Socket, services: SshServices) {
    this.#socket = socket;
    this.#services = services;
    this.remote = socket.remoteAddress ?? "unknown";
    this.#room = new Room(socket);
    this.#authentication = new Authentication(services.doors, () => this.close("The door has closed."));
    this.#tooLate = setTimeout(() => this.close("It did not log in in time."), LOGIN_MS).unref();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.once("close", () => {
      this.#leave();
      if (this.#attempts > 0 && !this.#login)
        services.log.info({ remote: this.remote, reason: this.#reason }, "an SSH client has not logged in");
      resolve();
    });
    socket.on("error", (error) => (this.#reason ??= error.message));
    sshServer(services.hostKey, (client) => this.#greet(client)).injectSocket(socket);
    this.#intake = new Intake(socket);
    socket.on("data", () => {
      if (!this.#login && socket.bytesRead > MAX_LOGIN_BYTES) this.close("It sends too much instead of logging in.");
    });
  }

  /** Whether it is being closed. */
  get isLeaving(): boolean {
    return this.#gone.signal.aborted;
  }

  /** The door through which it has come. */
  get door(): SshDoor | null {
    return this.#login?.door ?? null;
  }

  /** Of that door; empty until it has logged in. */
  get organisation(): string {
    return this.#login?.door.organisation ?? "";
  }

  /** Bytes that it has sent and its sandbox has not taken yet. */
  get unread(): number {
    return this.#served?.unread ?? 0;
  }

  /** Ends it at once; a moment remains for the message to the client. */
  close(reason: string | null): void {
    if (this.isLeaving) return;
    this.#reason ??= reason;
    this.#leave();
    if (this.#socket.destroyed) return;
    this.#intake.stop();
    this.#client?.end();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), FAREWELL_MS).unref();
  }

  #leave(): void {
    clearTimeout(this.#tooLate);
    this.#authentication[Symbol.dispose]();
    this.#room.close();
    this.#gone.abort();
  }

  #greet(client: Client): void {
    this.#client = client;
    this.#intake.watch();
    filterMessages(client, (message) => this.#allows(message));
    client.on("error", (error) => {
      this.#reason ??= error.message;
      // `ssh2` ends the connection then, and waits for a client that may not read.
      setImmediate(() => this.close(error.message));
    });
    client.on("rekey", () => {
      // Nobody needs a second exchange that soon, and each takes processor time.
      if (!this.#login) return this.close("It exchanges keys instead of logging in.");
      const restMs = this.#rekeys.note(performance.now());
      if (restMs > 0) setTimeout(this.#intake.hold(), restMs).unref();
      // What was queued during the exchange is on its way by then.
      setImmediate(() => this.#room.wake());
    });
    client.on("authentication", (attempt) => {
      this.#authenticate(attempt).catch((error: unknown) => {
        this.#services.log.error({ err: error }, "a login by SSH could not be checked");
        this.close("The login could not be checked.");
      });
    });
    client.once("ready", () => this.#serve(client));
  }

  #allows(message: Buffer): boolean {
    if (this.isLeaving) return false;
    const type = message[0]!;
    // Whoever says goodbye may keep the socket open.
    if (type === DISCONNECT) setImmediate(() => this.close(null));
    if (this.#login ? !isOfServer(message) : isOfLogin(type)) return true;
    this.close(this.#login ? "It behaves like a server." : "It sends something else than a login.");
    return false;
  }

  async #authenticate(attempt: AuthContext): Promise<void> {
    if (++this.#attempts > MAX_ATTEMPTS) return this.close("It failed to log in too often.");
    const verdict = await this.#authentication.judge(attempt);
    if (this.#gone.signal.aborted) return;
    if (verdict.kind === "unknown" && !this.#guessed) {
      const { guesses } = this.#services;
      // Only guesses: others who have the same address must get in.
      if (guesses.tooMany(this.remote)) return this.close("Too many unknown user names came from its address.");
      this.#guessed = true;
      guesses.add(this.remote);
    }
    if (verdict.kind === "unknown" || verdict.kind === "refuse") return attempt.reject(["publickey"]);
    if (verdict.kind === "login") {
      if (!this.#services.admits(verdict.door))
        return this.close("The sandbox or its organisation has too many SSH connections.");
      this.#login = verdict;
    }
    attempt.accept();
  }

  #serve(client: Client): void {
    clearTimeout(this.#tooLate);
    const { door, key } = this.#login!;
    const startedAt = performance.now();
    const report = (activity: SshActivity) => {
      try {
        door.report({ connection: this.id, remote: this.remote, ...activity } as Parameters<SshDoor["report"]>[0]);
      } catch (error) {
        this.#services.log.error({ err: error }, "what an SSH client has done could not be recorded");
      }
    };
    report({ action: "login", key });
    void this.closed.then(() =>
      report({ action: "logout", durationMs: Math.round(performance.now() - startedAt), reason: this.#reason }),
    );
    this.#served = new ServedClient(client, this.#socket, {
      target: door.target,
      room: this.#room,
      intake: this.#intake,
      hasSent: () => this.#services.hasSent(this),
      signal: this.#gone.signal,
      report,
      expel: (reason) => this.close(reason),
    });
  }
}

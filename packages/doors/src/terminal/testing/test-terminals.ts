import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { silentLogger } from "@sandkeep/common";
import { type ClientOptions, WebSocket } from "ws";
import { LocalTarget } from "../../ssh/testing/local-target.ts";
import type { Farewell, TerminalDoor, TerminalReport } from "../contract.ts";
import type { ServerMessage } from "../messages.ts";
import { TerminalSite } from "../site.ts";
import { Terminals, type TerminalsOptions } from "../terminals.ts";

/** FOR TESTS ONLY: web terminals whose shells run on this computer. */
export class TestTerminals implements AsyncDisposable {
  readonly terminals: Terminals;
  readonly target: LocalTarget;
  readonly reports: TerminalReport[] = [];
  /** Where shells begin. */
  readonly directory: string;
  readonly #server: Server;
  readonly #closers = new Set<(farewell: Farewell) => void>();
  readonly #sockets = new Set<Socket>();
  /** Whether connections look as if they had TLS. */
  isEncrypted = false;
  /** Doors that are in use. */
  open = 0;

  private constructor(directory: string, options: Partial<TerminalsOptions>) {
    this.directory = directory;
    this.target = new LocalTarget(directory);
    this.terminals = new Terminals({ log: silentLogger, ...options });
    const site = new TerminalSite({
      terminals: this.terminals,
      isOwn: (authority) => authority === this.host,
      isOwnOrigin: (origin) => origin === "https://sandkeep.example",
      log: silentLogger,
    });
    this.#server = createServer((request, response) => site.request(request, response));
    this.#server.on("upgrade", (request, socket: Socket, head) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      if (this.isEncrypted) Object.assign(socket, { encrypted: true });
      site.upgrade(request, socket, head);
    });
  }

  static async start(options: Partial<TerminalsOptions> = {}): Promise<TestTerminals> {
    const server = new TestTerminals(await mkdtemp(join(tmpdir(), "sandkeep-terminal-")), options);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Makes a link, and returns its token. */
  invite(sandboxId = "sbx_test", organisation = "org_test", enter?: () => Promise<TerminalDoor>): string {
    return this.terminals.invite({ sandboxId, organisation, enter: enter ?? (async () => this.#door(sandboxId)) })
      .token;
  }

  /** Sends everybody away, as the end of a sandbox does. */
  close(farewell: Farewell): void {
    for (const close of this.#closers) close(farewell);
  }

  /** Waits until the server knows that all pages are gone. */
  async alone(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => once(socket, "close")));
    await turn();
  }

  /** The WebSocket of a page. */
  async page(options: ClientOptions = { origin: `http://${this.host}` }): Promise<TestPage> {
    const socket = new WebSocket(`ws://${this.host}/terminal/socket`, options);
    const page = new TestPage(socket);
    await once(socket, "open");
    return page;
  }

  /** A page with a shell. */
  async opened(): Promise<TestPage> {
    const page = await this.page();
    page.say({ type: "open", token: this.invite(), cols: 80, rows: 24 });
    const { secret } = await page.told("opened");
    page.secret = secret;
    return page;
  }

  #door(sandboxId: string): TerminalDoor {
    this.open++;
    return {
      sandboxId,
      spawn: (pty, signal) => this.target.spawn({ program: { kind: "shell" }, env: {}, pty }, signal),
      onClose: (close) => {
        this.#closers.add(close);
        return { [Symbol.dispose]: () => void this.#closers.delete(close) };
      },
      report: (report) => void this.reports.push(report),
      [Symbol.dispose]: () => void this.open--,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminals[Symbol.asyncDispose]();
    this.#server.close();
    this.#server.closeAllConnections();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** FOR TESTS ONLY: what a page does, and what it should not do. */
export class TestPage {
  readonly socket: WebSocket;
  readonly closed: Promise<Farewell>;
  readonly messages: ServerMessage[] = [];
  secret = "";
  /** What has been printed, and how many bytes that are. */
  output = "";
  received = 0;
  /** Whether it says what it has drawn, and answers. */
  isAlive = true;
  #changed = () => {};

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) =>
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    socket.on("error", () => {});
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) {
        this.output += data.toString();
        this.received += data.length;
        if (this.isAlive) this.drawn();
      } else this.messages.push(JSON.parse(data.toString()) as ServerMessage);
      this.#changed();
    });
    socket.once("close", () => this.#changed());
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  type(text: string): void {
    this.socket.send(Buffer.from(text));
  }

  drawn(bytes = this.received): void {
    this.say({ type: "drawn", bytes });
  }

  /** The first message of a type that there is or will be. */
  async told<Type extends ServerMessage["type"]>(type: Type): Promise<ServerMessage & { type: Type }> {
    let found: ServerMessage | undefined;
    await this.until(() => (found = this.messages.find((message) => message.type === type)) !== undefined);
    return found as ServerMessage & { type: Type };
  }

  /** Waits until the output has something. */
  async shows(text: RegExp): Promise<void> {
    await this.until(() => text.test(this.output));
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.socket.readyState === this.socket.CLOSED)
        throw new Error(`closed; output: ${this.output.slice(-2_000)}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

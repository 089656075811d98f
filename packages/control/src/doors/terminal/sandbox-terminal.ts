import {
  type Farewell,
  type SshProcess,
  type SshTerminal,
  TERMINAL_CLOSE,
  type TerminalDoor,
  type TerminalReport,
} from "@sandkeep/doors";
import type { Lease, TokenEnded } from "../../auth/lease.ts";
import type { SandboxDoors } from "../sandbox-doors.ts";
import { terminalEvent } from "./events.ts";

const FAREWELLS = {
  ended: { code: TERMINAL_CLOSE.sandboxEnded, reason: "The sandbox has ended." },
  paused: { code: TERMINAL_CLOSE.sandboxPaused, reason: "The sandbox has been paused." },
  left: { code: TERMINAL_CLOSE.stopping, reason: "The server is being stopped." },
} as const satisfies Record<string, Farewell>;

/** A sandbox for somebody who has used a link to a web terminal, as long as the token lives with which the link was made. */
export class SandboxTerminal implements TerminalDoor {
  readonly #doors: SandboxDoors;
  readonly #lease: Lease;
  readonly #token: string;

  /** @param token id of the token */
  constructor(doors: SandboxDoors, lease: Lease, token: string) {
    this.#doors = doors;
    this.#lease = lease;
    this.#token = token;
  }

  get sandboxId(): string {
    return this.#doors.id;
  }

  spawn(pty: SshTerminal, signal: AbortSignal): Promise<SshProcess> {
    return this.#doors.shell(pty, signal);
  }

  onClose(close: (farewell: Farewell) => void): Disposable {
    const { over } = this.#doors;
    const { signal } = this.#lease;
    const sandboxOver = () => close(FAREWELLS[over.reason as keyof typeof FAREWELLS]);
    const tokenOver = () => close({ code: TERMINAL_CLOSE.tokenEnded, reason: (signal.reason as TokenEnded).reason });
    over.addEventListener("abort", sandboxOver, { once: true });
    signal.addEventListener("abort", tokenOver, { once: true });
    if (over.aborted) sandboxOver();
    else if (signal.aborted) tokenOver();
    return {
      [Symbol.dispose]: () => {
        over.removeEventListener("abort", sandboxOver);
        signal.removeEventListener("abort", tokenOver);
      },
    };
  }

  report(report: TerminalReport): void {
    const visitors = { open: 1, return: 0, close: -1 } as const;
    this.#doors.reportVisitor(report.remote, terminalEvent(report, this.#token), visitors[report.action]);
  }

  [Symbol.dispose](): void {
    this.#lease[Symbol.dispose]();
  }
}

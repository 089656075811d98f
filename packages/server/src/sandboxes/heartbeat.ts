import type { Socket } from "node:net";
import type { WebSocket } from "ws";

/** Connections are looked at so many times within the time after which silence is the end. */
const LOOKS = 6;

interface Pulse {
  socket: WebSocket;
  transport: Socket;
  onSilent: () => void;
  received: number;
  /** Bytes that the kernel has taken (whole writes, which are about 1 MiB here), and whether more were waiting: taking them is a sign of life, too. */
  sent: number;
  backlog: boolean;
  aliveAt: number;
  asked: boolean;
}

/**
 * Notices clients that are gone without a word: killed behind a proxy, or cut off from the network.
 *
 * Any byte from a client is a sign of life, so that neither a long message on a slow line nor a client that never pings
 * looks dead. JavaScript's client sends one every 2 s by itself; whoever is silent is asked with a WebSocket ping, which
 * every client answers (wire-protocol §4.3).
 */
export class Heartbeat implements Disposable {
  readonly #silentMs: number;
  readonly #pulses = new Set<Pulse>();
  readonly #timer: NodeJS.Timeout;

  constructor(silentMs: number) {
    this.#silentMs = silentMs;
    this.#timer = setInterval(() => this.#look(), silentMs / LOOKS);
    this.#timer.unref();
  }

  /** Watches until the socket is closed. `onSilent` is called at most once. */
  watch(socket: WebSocket, transport: Socket, onSilent: () => void): void {
    const pulse: Pulse = { socket, transport, onSilent, received: transport.bytesRead, sent: 0, backlog: false, aliveAt: Date.now(), asked: false };
    this.#pulses.add(pulse);
    socket.once("close", () => this.#pulses.delete(pulse));
  }

  #look(): void {
    const now = Date.now();
    for (const pulse of this.#pulses) {
      if (this.#heard(pulse)) {
        pulse.aliveAt = now;
        pulse.asked = false;
      } else if (pulse.socket.isPaused) {
        // The server itself does not read now, so it cannot hear. A ping still finds out whether there is a process at
        // the other end: where there is none, the kernel there answers with a reset.
        if (now - pulse.aliveAt >= this.#silentMs) {
          pulse.aliveAt = now;
          this.#ask(pulse);
        }
      } else if (now - pulse.aliveAt >= this.#silentMs) {
        this.#pulses.delete(pulse);
        pulse.onSilent();
      } else if (!pulse.asked && now - pulse.aliveAt >= this.#silentMs / 2) {
        pulse.asked = true;
        this.#ask(pulse);
      }
    }
  }

  #heard(pulse: Pulse): boolean {
    const { transport } = pulse;
    const waiting = transport.writableLength;
    const sent = transport.bytesWritten - waiting;
    const heard = transport.bytesRead !== pulse.received || (pulse.backlog && sent !== pulse.sent);
    pulse.received = transport.bytesRead;
    pulse.sent = sent;
    pulse.backlog = waiting > 0;
    return heard;
  }

  #ask({ socket }: Pulse): void {
    if (socket.readyState === socket.OPEN) socket.ping();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#pulses.clear();
  }
}

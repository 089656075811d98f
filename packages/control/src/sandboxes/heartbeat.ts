import type { Connection } from "@sandkeep/rpc";
import { unacknowledged } from "./tcp-table.ts";

/** How many times each connection is checked within the time after which silence counts. */
const LOOKS = 6;

export interface HeartbeatLimits {
  /** A client that sends nothing for this long is gone, milliseconds, if its computer acknowledges nothing either. */
  silentMs: number;
  /** A client whose computer acknowledges what it is sent may be busy for this long, milliseconds. */
  busyMs: number;
}

/**
 * Times are of the monotonic clock, which stops while this computer sleeps: only time in which the server listened
 * counts as silence.
 */
interface Pulse {
  connection: Connection;
  onGone: (reason: string) => void;
  received: number;
  /**
   * Bytes that the kernel has accepted (in whole writes, about 1 MiB here), and whether more were waiting: progress is
   * a sign of life, too.
   */
  sent: number;
  backlog: boolean;
  heardAt: number;
  askedAt: number;
  /** Since when the server has been listening in vain; it does not always read. */
  listeningSince: number;
  /** Since when the other end has not acknowledged something. */
  unacknowledgedSince: number | null;
}

/**
 * Notices unresponsive clients: switched off, cut off from the network, or hanging.
 *
 * Any byte from a client is a sign of life, so neither a long message on a slow line nor a client that never pings looks
 * dead. JavaScript's client sends one every 2 s by itself; a silent client gets a WebSocket ping, which every client
 * answers (wire-protocol §4.3), unless its program is busy. Its kernel acknowledges the ping all the same, and
 * that tells a busy client from one that is gone.
 */
export class Heartbeat implements Disposable {
  readonly #limits: HeartbeatLimits;
  readonly #pulses = new Set<Pulse>();
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(limits: HeartbeatLimits) {
    this.#limits = limits;
    this.#timer = setInterval(() => void this.#look(), limits.silentMs / LOOKS);
    this.#timer.unref();
  }

  /** Watches until the connection is closed. `onGone` is called at most once, with the reason in words. */
  watch(connection: Connection, onGone: (reason: string) => void): void {
    const now = performance.now();
    const pulse: Pulse = {
      connection,
      onGone,
      received: connection.receivedBytes,
      sent: 0,
      backlog: false,
      heardAt: now,
      askedAt: now,
      listeningSince: now,
      unacknowledgedSince: null,
    };
    this.#pulses.add(pulse);
    void connection.closed.then(() => this.#pulses.delete(pulse));
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    const silent = [...this.#pulses].filter((pulse) => !this.#heard(pulse));
    const asked = silent.filter((pulse) => pulse.askedAt > pulse.heardAt);
    let suspects = new Set<Connection>();
    if (asked.length) {
      this.#looking = true;
      suspects = await unacknowledged(asked.map(({ connection }) => connection)).finally(() => (this.#looking = false));
    }
    const now = performance.now();
    for (const pulse of silent) {
      if (!this.#pulses.has(pulse) || this.#heard(pulse)) continue;
      pulse.unacknowledgedSince = suspects.has(pulse.connection) ? (pulse.unacknowledgedSince ?? now) : null;
      this.#judge(pulse, now);
    }
  }

  #judge(pulse: Pulse, now: number): void {
    const { silentMs, busyMs } = this.#limits;
    const silentFor = now - pulse.heardAt;
    // The server is not reading now, so it cannot hear the client.
    if (pulse.connection.paused) pulse.listeningSince = now;
    if (
      silentFor >= silentMs &&
      pulse.unacknowledgedSince !== null &&
      now - pulse.unacknowledgedSince >= silentMs / 3
    ) {
      this.#gone(pulse, `The client was silent for ${seconds(silentFor)} and its computer does not respond.`);
    } else if (now - pulse.listeningSince >= busyMs) {
      this.#gone(
        pulse,
        `The client was silent for ${seconds(silentFor)} although its computer responds: the program hangs.`,
      );
    } else if (now - Math.max(pulse.heardAt, pulse.askedAt) >= silentMs / 2) {
      // Repeated, because only sent bytes can be unacknowledged.
      pulse.askedAt = now;
      pulse.connection.probe();
    }
  }

  #gone(pulse: Pulse, reason: string): void {
    this.#pulses.delete(pulse);
    pulse.onGone(reason);
  }

  #heard(pulse: Pulse): boolean {
    const { receivedBytes, sentBytes, waitingBytes } = pulse.connection;
    const heard = receivedBytes !== pulse.received || (pulse.backlog && sentBytes !== pulse.sent);
    pulse.received = receivedBytes;
    pulse.sent = sentBytes;
    pulse.backlog = waitingBytes > 0;
    if (heard) {
      pulse.heardAt = pulse.listeningSince = performance.now();
      pulse.unacknowledgedSince = null;
    }
    return heard;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#pulses.clear();
  }
}

const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`;

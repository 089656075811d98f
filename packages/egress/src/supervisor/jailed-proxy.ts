/** One proxy process in its jail. */
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, sep } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { type ProcessIdentity, startTicks } from "@sandkeep/common";
import {
  endAll,
  findStarted,
  type Jail,
  type JailedChild,
  type JailKind,
  type JailPlan,
  type JailUser,
  killGroup,
  openJail,
  REPORT_FD,
  startJailed,
  withOnly,
} from "@sandkeep/jail";
import { CONTROL_FD } from "../contract.ts";
import type { Code } from "./code.ts";
import { ending } from "./ending.ts";
import { readPaced } from "./paced.ts";

/**
 * V8's semi-space for the proxy, MiB. The bytes of bodies lie outside of V8's heap. With a larger semi-space, 64 MB of used ones pile up before it
 * is collected, and V8 then collects the whole heap: that took nearly half of the processor time of a body (docs/performance.md).
 */
const NURSERY_MIB = 2;
/**
 * V8 leaves its old generation alone up to this size, MiB. It counts the buffers of bodies in, so without this it collected a heap of 20 MB
 * for every 6 MB of a body.
 */
const OLD_GENERATION_MIB = 128;
/** How much of its error output is kept. It prints nothing unless it cannot start, or crashes. */
const MAX_STDERR_CHARS = 4_096;

const MAIN = fileURLToPath(new URL("../process/main.ts", import.meta.url));
/** The package with all of the proxy's code. */
export const PACKAGE = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Flags of a proxy's Node. */
export function nodeFlags(): string[] {
  // The inherited ones let Node run this code.
  const inherited = process.execArgv.filter((flag) => /^--(conditions|disable-warning)/.test(flag));
  const heap = [`--max-semi-space-size=${NURSERY_MIB}`, `--initial-old-space-size=${OLD_GENERATION_MIB}`];
  // No debugger: the proxy's memory holds every secret.
  return [...heap, "--disable-sigusr1", ...inherited];
}

export interface JailedProxyOptions {
  /** The id of the host whose proxy it is: what is left behind of its start is found by it. */
  hostId: string;
  kind: JailKind;
  code: Code;
  /** Folder with its code as compiled by Node; null if there is none. */
  compiled?: string | null;
  /** Folder with the ports of its sandboxes. */
  ports: string;
  user: JailUser | null;
  filter: Buffer | null;
}

/** What the proxy's process gets. */
export function proxyPlan({
  code,
  compiled = null,
  ports,
  user,
  filter,
}: Omit<JailedProxyOptions, "kind" | "hostId">): JailPlan {
  const paths = compiled === null ? code.paths : [...code.paths, compiled];
  return {
    files: { writable: [], readable: [ports], code: paths, links: code.links },
    user,
    system: "bare",
    network: "host",
    becomesUserItself: true,
    environment: {
      // Thousands of connections create much short-lived garbage: a malloc arena per thread would keep the memory.
      MALLOC_ARENA_MAX: "1",
      // The loader finds its libraries without the system's cache.
      LD_LIBRARY_PATH: [...new Set(code.libraries.map((path) => dirname(path)))].join(":"),
      // Not the system's, which Node's OpenSSL would look for.
      OPENSSL_CONF: "/dev/null",
      TZ: Intl.DateTimeFormat().resolvedOptions().timeZone,
      ...(compiled !== null && { NODE_COMPILE_CACHE: dirname(compiled) }),
    },
    fileBytes: 0,
    filter,
    firstDescriptor: CONTROL_FD + 1,
  };
}

export class JailedProxy {
  readonly control: Duplex;
  /** The folder of its ports, as it sees it. */
  readonly ports: string;
  /** Resolves when it is gone, although what it said last may not have been read. */
  readonly exited: Promise<void>;
  /** Resolves when it is gone and everything has been read, with what it printed last. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  /** The process whose only child is the proxy: bubblewrap's process 1. */
  #init: ProcessIdentity | null = null;
  readonly #hasInit: boolean;

  private constructor({ child, pid }: JailedChild, jail: Jail, ports: string) {
    this.#child = child;
    this.#hasInit = jail.reportsPid;
    this.ports = ports;
    this.control = child.stdio[CONTROL_FD] as Duplex;
    let printed = "";
    readPaced(child.stderr!, (text) => (printed = (printed + text).slice(-MAX_STDERR_CHARS)));
    this.exited = new Promise((resolve) => child.once("exit", () => resolve()));
    this.ended = ending(child, () => this.#init && void endAll([this.#init])).then((how) => printed.trim() || how);
    if (jail.reportsPid) void pid.then((pid) => this.#setInit(pid)).catch(() => {});
  }

  static async start({ kind, hostId, ...options }: JailedProxyOptions): Promise<JailedProxy> {
    await using jail = await openJail(kind, proxyPlan(options));
    const kept = [CONTROL_FD, ...jail.descriptors, ...jail.inputs].map((_, index) => CONTROL_FD + index);
    // The last word is what it is found by if the server is killed while this starts.
    const node = [process.execPath, ...nodeFlags(), MAIN, wordOf(hostId, options.ports)];
    const command = withOnly(jail.reportsPid ? [REPORT_FD, ...kept] : kept, jail.wrap(node));
    const child = startJailed({ jail, command, own: ["pipe"] });
    return new JailedProxy(child, jail, jail.name(options.ports));
  }

  /** Ends what an earlier server of this host was starting when it was killed. @param folder the folder of all ports */
  static async endLeftBehind(hostId: string, folder: string): Promise<void> {
    const start = wordOf(hostId, folder + sep);
    const isOurs = (word: string) => word.startsWith(start);
    await endAll(await findStarted(basename(process.execPath), (words) => words.some(isOurs)));
  }

  /** The pid of Node itself, as seen from outside; null if it is not known. */
  get pid(): number | null {
    if (!this.#hasInit) return this.#child.pid ?? null;
    if (this.#init === null) return null;
    const { pid } = this.#init;
    try {
      return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim()) || null;
    } catch {
      return null;
    }
  }

  /** bubblewrap, and with it everything in the jail, or Node itself. */
  kill(): void {
    killGroup(this.#child);
  }

  #setInit(pid: number): void {
    const since = startTicks(pid);
    if (since !== undefined) this.#init = { pid, startTicks: since };
  }
}

/**
 * In the command lines of a proxy and of all programs that start it. Another server, in a container for example, may have
 * the same folder, but not the same id.
 */
function wordOf(hostId: string, ports: string): string {
  return `${hostId}:${ports}`;
}

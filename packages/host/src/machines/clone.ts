/** A running microVM with a connected agent, which may or may not be assigned to a sandbox yet. */
import { connect } from "node:net";
import { DiskError, GuestError, GuestGone } from "../contract.ts";
import type { ForkedFrom, Vm } from "../engine/engine.ts";
import { GuestClient } from "../guest/client.ts";
import { type RootRecord, removeFolder } from "./folder.ts";

/** How long an agent that is already running may take to answer; usually 5 ms, longer on a busy host. */
export const RUNNING_HELLO_TIMEOUT_MS = 20_000;
/** How long an emulated machine may take to boot; usually 2 s. */
export const BOOT_HELLO_TIMEOUT_MS = 120_000;

/** How long a machine may take to enter a root; usually 0.5 s, longer if a journal has to be replayed. */
const ROOT_TIMEOUT_MS = 60_000;

export interface Clone {
  readonly vm: Vm;
  readonly guest: GuestClient;
  /** The machine's folder. */
  readonly dir: string;
  /** Its root, if that is deleted with it. */
  readonly root?: RootRecord;
  /** What it was made from; null in machines of earlier versions, which cannot be forked or paused. */
  readonly from: ForkedFrom | null;
  /** Whether it trusts the host's authorities already, so that its identity need not name them. */
  readonly trusts?: boolean;
}

/**
 * Connects to the agent of a machine.
 *
 * @param running resolves when the machine runs, if it does not yet: the time for the hello counts from then on
 * @throws {GuestGone} with the end of the console output if it does not answer
 */
export async function connectGuest(vm: Vm, helloTimeoutMs: number, running?: Promise<void>): Promise<GuestClient> {
  const socket = connect(vm.sockets.control);
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  try {
    return await GuestClient.connect(socket, helloTimeoutMs, running);
  } catch (error) {
    const words = await vm.console().catch(() => "");
    throw new GuestGone(
      `${error instanceof Error ? error.message : String(error)} Its console says: ${words.trim() || "nothing"}`,
    );
  }
}

/**
 * Lets a machine go on in a process that waits for its state, and connects to its agent. The agent had a host when the
 * state was saved. It finds another one at once, and need not notice first that the former one is gone.
 *
 * @param load lets it run, which takes long if all its memory is read; if that fails, the process is ended
 * @param helloTimeoutMs how long its agent may take to answer once it runs
 */
export async function loadAndConnect(vm: Vm, load: () => Promise<void>, helloTimeoutMs: number): Promise<GuestClient> {
  const { promise: running, resolve: runs } = Promise.withResolvers<void>();
  const connecting = connectGuest(vm, helloTimeoutMs, running);
  connecting.catch(() => {});
  try {
    await load();
  } catch (error) {
    await vm.kill();
    await connecting.then(
      (guest) => guest.close(),
      () => {},
    );
    throw error;
  }
  runs();
  return await connecting;
}

/**
 * Makes the root disk the root of a machine that has none yet.
 *
 * @throws {DiskError} `NOT_BOOTABLE`, with the reason
 */
export async function enterRoot(guest: GuestClient): Promise<void> {
  await onDiskRoot((signal) => guest.call("enter", {}, signal));
}

/**
 * Lets the agent do something with a root that somebody else may have prepared, for a limited time.
 *
 * @throws {DiskError} `NOT_BOOTABLE`, with the reason, if it refuses or the time is up
 */
export async function onDiskRoot<T>(task: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const timeout = AbortSignal.timeout(ROOT_TIMEOUT_MS);
  try {
    return await task(signal ? AbortSignal.any([signal, timeout]) : timeout);
  } catch (cause) {
    const late = timeout.aborted && !signal?.aborted;
    if (!late && !(cause instanceof GuestError)) throw cause;
    const reason = late
      ? `the agent was not done with it after ${ROOT_TIMEOUT_MS / 1_000} s`
      : (cause as Error).message;
    const prefix = "not a bootable root: ";
    throw new DiskError("NOT_BOOTABLE", reason.startsWith(prefix) ? reason : prefix + reason, { cause });
  }
}

/** Ends a machine; resolves when its process and its folder are gone. */
export async function discard(clone: { vm: Vm; dir: string; guest?: GuestClient }): Promise<void> {
  clone.guest?.close();
  await clone.vm.kill();
  await removeFolder(clone.dir);
}

/**
 * Does something that waits for a machine, and ends the machine, and with it the waiting, when the signal is aborted.
 *
 * @throws the signal's reason
 */
export async function killOnAbort<T>(vm: Vm, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
  const kill = () => void vm.kill();
  signal?.addEventListener("abort", kill, { once: true });
  try {
    signal?.throwIfAborted();
    const result = await task();
    signal?.throwIfAborted();
    return result;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

/** What to do with a new machine before anyone else uses it, such as giving it its identity. */
export type BeginClone = (clone: Clone) => Promise<void>;

/** Begins with a new machine. If that fails, the machine is discarded. */
export async function beginWith(clone: Clone, begin: BeginClone): Promise<Clone> {
  try {
    await begin(clone);
    return clone;
  } catch (error) {
    await discard(clone);
    throw error;
  }
}

/** Resumes a paused machine and begins with it at the same time. Undefined if it has just died. */
export async function resumeAndBegin(clone: Clone, begin: BeginClone): Promise<Clone | undefined> {
  let refused = false;
  const resumed = clone.vm.resume();
  const begun = beginWith(clone, async (clone) => {
    await begin(clone).catch((error: unknown) => {
      refused = !(error instanceof GuestGone);
      throw error;
    });
  });
  begun.catch(() => {});
  try {
    await resumed;
  } catch {
    // If it was refused, it has ended because it was discarded.
    if (!refused) {
      clone.guest.close();
      await clone.vm.kill();
      // Its folder is removed when nothing is written to it any more.
      await begun.then(discard, () => {});
      return undefined;
    }
  }
  return await begun;
}

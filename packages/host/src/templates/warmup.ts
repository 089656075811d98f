/**
 * What a machine runs before it becomes a template, and before a clone waits for its user. The template's warm-up loads
 * the tools people start first into the page cache, which all clones share. The clone's makes the emulator translate
 * the code of a user's first command, which each process must do for itself.
 */
import type { Logger } from "@sandkeep/common";
import { type Guest, GuestError } from "../contract.ts";
import type { Clone } from "../machines/clone.ts";
import { newIdentity } from "../machines/identity.ts";
import { greetEgress } from "./greet-egress.ts";
import { type RehearsalDisk, rehearseDisk } from "./rehearse-disk.ts";

/** How long one command may take: under emulation, ten times the worst observed. */
const COMMAND_TIMEOUT_MS = 120_000;

/** The agent answers within milliseconds, on a busy computer later. */
const GREETING_TIMEOUT_MS = 20_000;
/**
 * How often a clone rehearses what happens when it is taken: it is paused and resumed, gets an identity, and runs a
 * command. Measured: after three times, a further one translates and copies hardly anything new.
 */
const REHEARSALS = 3;
/** That of a sandbox's id: files that keep their length are quicker to write. */
export const ID_LENGTH = 28;

/** What starts every other program, and costs little. */
const FEW_COMMANDS: string[][] = [
  ["bash", "-c", "true; echo; ls -l / /home/app > /dev/null; cat /etc/os-release"],
  ["bash", "-lc", "true"],
];

const TEMPLATE_COMMANDS: string[][] = [
  // To an unreachable address, because egress is not served yet. First, so that whatever waits for it has given up well
  // before the capture.
  [
    "bash",
    "-c",
    "curl -s -m 1 http://192.0.2.1/; cat /etc/ssl/certs/ca-certificates.crt /usr/local/share/ca-certificates/* > /dev/null; ls -l /etc/ssl/certs > /dev/null",
  ],
  ["python3", "-c", "import ssl; ssl.create_default_context()"],
  [
    "bash",
    "-c",
    "true; echo; ls -lh / /home/app /usr/bin > /dev/null; cat /etc/os-release; uname -a; id; env; date; ps aux | head -3; df -h",
  ],
  [
    "bash",
    "-lc",
    "sudo -n true; grep -r app /etc/passwd; sed -n 1p /etc/passwd; find /home/app; mkdir -p /tmp/w; tar cf /tmp/w/a.tar /etc/hostname; gzip /tmp/w/a.tar; rm -r /tmp/w",
  ],
  ["node", "-e", "console.log(1)"],
  ["node", "-v"],
  ["npm", "-v"],
  ["python3", "-c", "import json, os, sys, subprocess, re, urllib.request; print(1)"],
  ["deno", "eval", "console.log(1)"],
  ["git", "--version"],
  ["curl", "--version"],
  ["bash", "-c", "true"],
];

/** As in the shells of the SDK's `sandbox.sh`, which read the user's `.bashrc` first. */
const SHELL_ENV = { BASH_ENV: "$HOME/.bashrc" };

/** Only what nearly everybody runs, because each waiting clone keeps its own translated code. */
const CLONE_COMMANDS: string[][] = [
  ["bash", "-c", "echo"],
  ["bash", "-c", "echo"],
];

/**
 * What many run first, each from a shell; together 40 MiB of translated code and changed memory. `python3` twice: its
 * second run translates some more. They leave no file and no process. Not `npm`: it would take another 100 MiB, nearly
 * the whole translation cache, for a third of its time.
 */
const HOT_COMMANDS: string[][] = [
  ["bash", "-c", "node -v"],
  ["bash", "-c", "python3 -c 'print(1)'"],
  ["bash", "-c", "python3 -c 'print(1)'"],
  ["bash", "-c", "deno --version"],
];

/**
 * What the owner of a root wants to be fast, if the root has such a program: it runs as the user, last. In a template for
 * what it reads, in hot clones for its translated code.
 */
const OWN_COMMAND = ["/etc/sandkeep/warm-up"];

/**
 * Brings a machine that will be captured into the state that every clone starts from.
 *
 * @param tools `few`: those that nearly everybody starts, for a template that may not be used often
 */
export async function warmTemplate(guest: Guest, log: Logger, tools: "all" | "few"): Promise<void> {
  for (const command of tools === "all" ? TEMPLATE_COMMANDS : FEW_COMMANDS) await run(guest, command, log);
  await run(guest, OWN_COMMAND, log);
  await exerciseCalls(guest);
  await guest.call("sync", {});
  await guest.call("quiesce", {});
}

/**
 * Warms up a clone that will wait paused. It gets temporary identities, so that it is no longer identical to other
 * clones, and so that setting its own identity is fast later.
 */
export async function warmClone(clone: Clone, caCertificates: string[], log: Logger): Promise<void> {
  const { vm, guest } = clone;
  await guest.call("resume", newIdentity("waiting", {}, caCertificates));
  await greetEgress(vm.sockets.egress, GREETING_TIMEOUT_MS).catch((error: unknown) =>
    log.debug({ error: String(error) }, "the egress port was not warmed up"),
  );
  await guest.call("stat", { path: "/home/app" });
  for (const command of CLONE_COMMANDS) await run(guest, command, log);
  await guest.call("sync", {});
  for (let n = 0; n < REHEARSALS; n++) await rehearse(clone, n, log);
  // Otherwise the kernel writes back what they changed half a minute after the clone was handed out.
  await guest.call("sync", {});
}

/** Does with a clone what happens when it is taken, including an environment and names that change. */
async function rehearse({ vm, guest }: Clone, n: number, log: Logger): Promise<void> {
  const home = await guest.call("envGet", { key: "HOME" });
  await vm.pause();
  const id = `waiting-${n}`.padEnd(ID_LENGTH, "0");
  const identity = newIdentity(id, home === null ? {} : { HOME: home }, []);
  await Promise.all([vm.resume(), guest.call("resume", identity)]);
  await run(guest, ["bash", "-c", "echo"], log);
}

/** A root's own warm-up took too long, or ended the machine. */
export class OwnWarmUpFailed extends Error {
  override readonly name = "OwnWarmUpFailed";
}

export interface HeatOptions {
  /** What it rehearses getting a volume with; absent: it does not. */
  disk?: RehearsalDisk | undefined;
  /** Whether it runs its root's own warm-up. */
  own?: boolean;
}

/** Makes a warm clone hot. @throws {OwnWarmUpFailed} */
export async function heatClone(clone: Clone, log: Logger, { disk, own = true }: HeatOptions = {}): Promise<void> {
  const { guest } = clone;
  for (const command of HOT_COMMANDS) await run(guest, command, log);
  if (own)
    await run(guest, OWN_COMMAND, log).catch((cause: unknown) => {
      throw new OwnWarmUpFailed(`${OWN_COMMAND[0]} failed: ${String(cause)}`, { cause });
    });
  if (disk) await rehearseDisk(clone, disk);
  await guest.call("sync", {});
}

async function exerciseCalls(guest: Guest): Promise<void> {
  const path = "/home/app/.sandkeep-warm";
  for (let n = 0; n < 2; n++) await guest.call("stat", { path: "/home/app" });
  const write = guest.stream("writeFile", { path });
  write.resume();
  write.end(Buffer.alloc(1024));
  await write.head;
  const read = guest.stream("readFile", { path });
  for await (const _ of read);
  await guest.call("remove", { path });
}

async function run(guest: Guest, [command, ...args]: string[], log: Logger): Promise<void> {
  const signal = AbortSignal.timeout(COMMAND_TIMEOUT_MS);
  try {
    const process = guest.stream(
      "spawn",
      { command: command!, args, env: SHELL_ENV, stdout: "piped", stderr: "piped" },
      signal,
    );
    process.end();
    for await (const _ of process);
  } catch (error) {
    // A root image need not have every tool; a missing one is just not warmed up. But a command that goes on after its
    // time would run beside its user's, and a machine that is gone warms up no further.
    if (!(error instanceof GuestError)) throw error;
    log.debug({ command, error: String(error) }, "warm-up command failed");
  }
}

/**
 * What a machine does before it becomes a template, and before a clone waits for its user. The first brings the tools
 * people start first into the page cache, shared by all clones; the second makes the emulator translate the code that the
 * first command of a user runs, which each process must do for itself.
 */
import type { Logger } from "@sandkeep/common";
import type { Guest } from "../contract.ts";
import { newIdentity } from "../machines/identity.ts";

/** How long one command may take under emulation, at the worst seen ten times less. */
const COMMAND_TIMEOUT_MS = 120_000;

const TEMPLATE_COMMANDS: string[][] = [
  // Into nothing: nobody serves the way out yet. First, so that what waits for that has given up long before the capture.
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

/** Only what nearly everybody runs: the translated code of `node -v` alone would cost each clone that waits 10 MB. */
const CLONE_COMMANDS: string[][] = [
  ["bash", "-c", "echo"],
  ["bash", "-c", "echo"],
];

/** Brings a machine about to be captured into the state that every clone starts from. */
export async function warmTemplate(guest: Guest, log: Logger): Promise<void> {
  for (const command of TEMPLATE_COMMANDS) await run(guest, command, log);
  await exerciseCalls(guest);
  await guest.call("sync", {});
  await guest.call("quiesce", {});
}

/**
 * Exercises a clone that will wait paused. It takes on an identity that nobody will know, so that it is no other's twin from
 * here on, and so that its own identity comes quickly later.
 */
export async function warmClone(guest: Guest, caCertificates: string[], log: Logger): Promise<void> {
  await guest.call("resume", newIdentity("waiting", {}, caCertificates));
  await guest.call("stat", { path: "/home/app" });
  for (const command of CLONE_COMMANDS) await run(guest, command, log);
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
    const process = guest.stream("spawn", { command: command!, args, stdout: "piped", stderr: "piped" }, signal);
    process.end();
    for await (const _ of process);
  } catch (error) {
    // A root image need not have every tool; what is missing is only not warm.
    log.debug({ command, error: String(error) }, "warm-up command failed");
  }
}

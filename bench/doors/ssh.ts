import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sandbox } from "sandkeep";
import { type BenchContext, repeat, timed } from "../context.ts";
import type { Figures } from "../figures.ts";
import { percentile, rounded, summarize } from "../statistics.ts";

/** 50 MB of random bytes, which cannot be compressed. */
const FILE_BYTES = 50_000_000;
/** OpenSSH without settings, agents or keys of this computer, and without questions. */
const OPTIONS = [
  "-F/dev/null",
  "-oStrictHostKeyChecking=no",
  "-oUserKnownHostsFile=/dev/null",
  "-oGlobalKnownHostsFile=/dev/null",
  "-oLogLevel=ERROR",
  "-oIdentityFile=none",
  "-oIdentityAgent=none",
  "-oBatchMode=yes",
];

/** OpenSSH's client on a sandbox's door. Every run is a login of its own. */
class Login {
  readonly #destination: string;
  readonly #options: string[];

  private constructor(destination: string, port: number) {
    this.#destination = destination;
    this.#options = [...OPTIONS, `-oPort=${port}`];
  }

  static async open(sandbox: Sandbox): Promise<Login> {
    const { username, hostname, port } = await sandbox.exposeSsh();
    return new Login(`${username}@${hostname}`, port);
  }

  /** `ssh host true`, until it has ended. */
  async true(): Promise<void> {
    await finished(spawn("ssh", [...this.#options, this.#destination, "true"], { stdio: "ignore" }));
  }

  /** A shell on a terminal. Resolves to the milliseconds until it prints its prompt. */
  async prompt(): Promise<number> {
    const started = performance.now();
    const child = spawn("ssh", [...this.#options, "-tt", this.#destination], { stdio: ["pipe", "pipe", "ignore"] });
    const taken = await new Promise<number>((resolve, reject) => {
      let printed = "";
      child.stdout.on("data", (bytes: Buffer) => {
        printed += String(bytes);
        if (printed.includes("$ ")) resolve(performance.now() - started);
      });
      child.once("close", () => reject(new Error(`the shell has printed no prompt, but ${JSON.stringify(printed)}`)));
    });
    child.stdin.end("exit\n");
    await finished(child);
    return taken;
  }

  async copy(file: string): Promise<void> {
    await finished(spawn("scp", [...this.#options, "-q", file, `${this.#destination}:file`], { stdio: "ignore" }));
  }
}

async function finished(child: ReturnType<typeof spawn>): Promise<void> {
  if (child.exitCode === null) await once(child, "exit");
  if (child.exitCode !== 0) throw new Error(`${child.spawnfile} ended with ${child.exitCode ?? child.signalCode}`);
}

export async function measureSshTrue(context: BenchContext): Promise<Partial<Figures>> {
  await using sandbox = await context.create();
  const login = await Login.open(sandbox);
  for (let i = 0; i < 3; i++) await login.true();
  return { door_ssh_true: summarize(await repeat(context, context.times(30), () => timed(() => login.true()))) };
}

export async function measureSshPrompt(context: BenchContext): Promise<Partial<Figures>> {
  await using sandbox = await context.create();
  const login = await Login.open(sandbox);
  for (let i = 0; i < 3; i++) await login.prompt();
  return { door_ssh_prompt: summarize(await repeat(context, context.times(30), () => login.prompt())) };
}

/** A file to a sandbox with `scp`, login included. */
export async function measureScp(context: BenchContext): Promise<Partial<Figures>> {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-bench-"));
  try {
    const file = join(dir, "file");
    await writeFile(file, randomBytes(FILE_BYTES));
    await using sandbox = await context.create();
    const login = await Login.open(sandbox);
    await login.true();
    const samples = await repeat(context, context.times(5), () => timed(() => login.copy(file)));
    return { door_scp_MBps: rounded(FILE_BYTES / 1e6 / (percentile(samples, 0.5) / 1_000)) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@sandkeep/common";
import {
  createHost,
  encodeFrames,
  ensureImage,
  FrameReader,
  GuestFrame,
  type Host,
  HostFrame,
  type Machine,
} from "@sandkeep/host";
import { imagesDir } from "../harness/server.ts";

/** Memory for the warm pool. */
const AHEAD_MIB = 250;

/** A host with a data folder of its own, and the templates of the whole run. */
export class HostFixture implements AsyncDisposable {
  readonly dataDir: string;
  host: Host;
  #next = 0;

  private constructor(dataDir: string, host: Host) {
    this.dataDir = dataDir;
    this.host = host;
  }

  static async open(): Promise<HostFixture> {
    const dataDir = await mkdtemp(join(tmpdir(), "sk-host-"));
    const host = await openHost(dataDir);
    await host.adopt([]);
    await host.ready();
    return new HostFixture(dataDir, host);
  }

  create({ memoryMiB = 1280, keep = false, env = {} } = {}): Promise<Machine> {
    return this.host.create({ id: `sbx_test_${this.#next++}`, memoryMiB, env, keep });
  }

  /** Folders of machines, waiting ones included. */
  async folders(): Promise<string[]> {
    return (await readdir(join(this.dataDir, "run"), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

export async function openHost(dataDir: string): Promise<Host> {
  const image = await ensureImage({ dataDir: imagesDir() });
  return createHost({
    dataDir,
    templatesDir: join(imagesDir(), "templates"),
    image,
    log: silentLogger,
    aheadMemoryMiB: AHEAD_MIB,
  });
}

/** Runs a command in a machine and gives its output and exit code. */
export async function run(
  machine: Machine,
  command: string,
  ...args: string[]
): Promise<{ stdout: string; code: number }> {
  const process = machine.guest.stream("spawn", { command, args, stdout: "piped" });
  process.end(encodeFrames(HostFrame.stdin, new Uint8Array()));
  const frames = new FrameReader();
  let stdout = "";
  let code = -1;
  for await (const bytes of process) {
    for (const { type, payload } of frames.push(bytes as Buffer)) {
      if (type === GuestFrame.stdout) stdout += payload.toString();
      if (type === GuestFrame.exit) code = JSON.parse(payload.toString()).code;
    }
  }
  return { stdout, code };
}

/** Output of a shell command in a machine, without the final newline. */
export async function shell(machine: Machine, script: string): Promise<string> {
  return (await run(machine, "bash", "-c", script)).stdout.trimEnd();
}

/** Processes on this computer whose command line names a path, by pid. */
export async function processesNaming(path: string): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (Number(pid) !== process.pid && words.some((word) => word.includes(path))) found.set(Number(pid), words);
  }
  return found;
}

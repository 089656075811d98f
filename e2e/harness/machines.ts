import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Pids of the virtual machines of a server's data directory, including the warm pool. */
export function machinePids(dataDir: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [program, ...args] = commandLine(pid);
      return program !== undefined && /qemu-system/.test(program) && args.some((arg) => arg.includes(dataDir));
    });
}

/** Folders of machines in a server's data directory. */
export function machineFolders(dataDir: string): string[] {
  return (
    readdirSync(join(dataDir, "run"), { withFileTypes: true })
      // Beside them are the egress proxies' ports.
      .filter((entry) => entry.isDirectory() && entry.name !== "ports")
      .map(({ name }) => name)
  );
}

/** The pid of a sandbox's machine, from the record in its folder. */
export function pidOfSandbox(dataDir: string, id: string): number | undefined {
  const folder = folderOfSandbox(dataDir, id);
  return folder === undefined ? undefined : (record(folder, "process.json") as { pid: number } | undefined)?.pid;
}

/** The folder of a sandbox's machine. */
export function folderOfSandbox(dataDir: string, id: string): string | undefined {
  const folders = machineFolders(dataDir).map((name) => join(dataDir, "run", name));
  return folders.find((folder) => (record(folder, "machine.json") as { id: string } | undefined)?.id === id);
}

/** Folders of machines that were given to a sandbox. */
export function machinesWithRecord(dataDir: string): string[] {
  return machineFolders(dataDir).filter((name) => record(join(dataDir, "run", name), "machine.json") !== undefined);
}

/** Pids of machines from the records in their folders. */
export function recordedPids(dataDir: string): Set<number> {
  const records = machineFolders(dataDir).map((name) => record(join(dataDir, "run", name), "process.json"));
  return new Set(records.flatMap((one) => (one as { pid: number } | undefined)?.pid ?? []));
}

/** Undefined: the machine is in the warm pool, or gone. */
function record(folder: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder, name), "utf8"));
  } catch {
    return undefined;
  }
}

/** Memory of a process, in MiB. */
export function residentMiB(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie is only a record of its end.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

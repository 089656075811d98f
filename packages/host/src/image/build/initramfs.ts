import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CpioEntry, cpio } from "./cpio.ts";

/** File with the names of the modules, one per line, in the order in which the agent loads them. */
export const ORDER_FILE = "order";

/**
 * The initramfs: the agent as `/init`, and the kernel modules it loads in `/modules`. It is not compressed: under
 * emulation, unpacking would take longer than reading it.
 */
export async function initramfs(agentFile: string, modulesDir: string): Promise<Buffer> {
  const order = await readFile(join(modulesDir, ORDER_FILE), "utf8");
  const entries: CpioEntry[] = [
    // Mount points: the agent needs /proc and /dev before it has a root.
    ...["dev", "modules", "proc", "root", "sys"].map((path) => ({ path, mode: 0o755 })),
    { path: "init", mode: 0o755, content: await readFile(agentFile) },
    { path: `modules/${ORDER_FILE}`, mode: 0o644, content: Buffer.from(order) },
  ];
  for (const module of order.split("\n").filter(Boolean)) {
    entries.push({ path: `modules/${module}`, mode: 0o644, content: await readFile(join(modulesDir, module)) });
  }
  return cpio(entries);
}

/** qcow2 overlays, made by qemu-img. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Creates an empty overlay of a qcow2 image: reads fall through to it, writes stay in the overlay. */
export async function createOverlay(path: string, backing: string): Promise<void> {
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", backing, path]);
}

/** Makes an overlay fall through to another path, where the same image will be. */
export async function rebaseOverlay(path: string, backing: string): Promise<void> {
  await run("qemu-img", ["rebase", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", backing, path]);
}

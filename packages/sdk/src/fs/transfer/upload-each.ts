import { opendir, readlink } from "node:fs/promises";
import { dirname, isAbsolute, join, posix, relative } from "node:path";
import type { SandboxFs } from "../sandbox-fs.ts";
import { runAll } from "./parallel.ts";
import { uploadFile } from "./upload-file.ts";

interface Plan {
  directories: string[];
  files: [local: string, remote: string][];
  links: [text: string, remote: string][];
}

/**
 * Copies a directory to the new or existing one named `target`, file by file, for servers that cannot receive it as one
 * stream.
 */
export async function uploadEach(fs: SandboxFs, source: string, target: string): Promise<void> {
  const plan: Plan = { directories: [], files: [], links: [] };
  await planDirectory(plan, source, target);
  // Directories come before their content.
  for (const directory of plan.directories) await fs.mkdir(directory, { recursive: true });
  await runAll(
    plan.files.map(
      ([from, to]) =>
        () =>
          uploadFile(fs, from, to),
    ),
  );
  await runAll(
    plan.links.map(
      ([text, to]) =>
        () =>
          fs.symlink(text, to),
    ),
  );
}

async function planDirectory(plan: Plan, local: string, remote: string): Promise<void> {
  plan.directories.push(remote);
  for await (const entry of await opendir(local)) {
    const from = join(local, entry.name);
    const to = posix.join(remote, entry.name);
    if (entry.isSymbolicLink()) plan.links.push([await linkText(from), to]);
    else if (entry.isDirectory()) await planDirectory(plan, from, to);
    else if (entry.isFile()) plan.files.push([from, to]);
  }
}

/** Target of a link relative to its own directory: an absolute one would name something else in the sandbox. */
async function linkText(path: string): Promise<string> {
  const text = await readlink(path);
  return isAbsolute(text) ? relative(dirname(path), text) : text;
}

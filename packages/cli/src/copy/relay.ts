import type { Sandbox } from "sandkeep";
import { remoteTarget } from "./destination.ts";
import { isContents, nameInSandbox } from "./place.ts";
import { extract, pack } from "./tar.ts";

/** Copies a file or directory from one sandbox to another, or within one. Nothing is stored here on the way. */
export async function relay(from: Sandbox, path: string, to: Sandbox, destination: string): Promise<void> {
  const source = await from.fs.realPath(path);
  const { isDirectory, mode } = await from.fs.stat(source);
  const target = await remoteTarget(to, destination, isContents(path) ? "" : nameInSandbox(path));
  if (isDirectory) {
    await to.fs.mkdir(target, { recursive: true });
    return await pack(from, source, (archive) => extract(to, target, archive));
  }
  await using file = await from.fs.open(source);
  await to.fs.writeFile(target, file.readable, { mode: mode & 0o777 });
}

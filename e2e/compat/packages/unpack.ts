import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { tool } from "./command.ts";

/** Unpacks every package in a folder, without installing it. */
export async function unpackDebs(folder: string, into: string): Promise<string> {
  await mkdir(into);
  for (const name of await readdir(folder)) await tool("dpkg-deb", ["--extract", join(folder, name), into]);
  return into;
}

import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Manifest, publishedManifest } from "./manifest.ts";

const run = promisify(execFile);
/** Building and packing take seconds; the limit allows for a busy computer. Milliseconds. */
const TIMEOUT_MS = 300_000;

/** The published package's folder, from the repository's root. */
export const PACKAGE = "packages/sdk";

/** Builds the SDK into an empty directory and adds the other published files. The sources do not change. */
export async function stage(root: string, into: string): Promise<Manifest> {
  const source = join(root, PACKAGE);
  await mkdir(into, { recursive: true });
  const [manifest] = await Promise.all([
    readFile(join(source, "package.json"), "utf8").then((text) => publishedManifest(JSON.parse(text))),
    build(root, join(into, "dist")),
    copyFile(join(source, "README.md"), join(into, "README.md")),
    copyFile(join(root, "LICENSE"), join(into, "LICENSE")),
  ]);
  await writeFile(join(into, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return manifest;
}

async function build(root: string, into: string): Promise<void> {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const config = join(root, PACKAGE, "tsconfig.build.json");
  await run(process.execPath, [tsc, "-p", config, "--outDir", into], { cwd: root, timeout: TIMEOUT_MS }).catch(
    ({ stdout, message }: { stdout?: string; message: string }) => {
      throw new Error(`the SDK does not build:\n${stdout || message}`);
    },
  );
}

/** Packs a staged package into a directory. @returns the tarball's path */
export async function pack(staged: string, into: string): Promise<string> {
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", into], {
    cwd: staged,
    timeout: TIMEOUT_MS,
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  return join(into, filename);
}

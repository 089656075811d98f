import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { tool } from "../packages/command.ts";
import { scratch } from "../packages/scratch.ts";
import { startFiles } from "./files.ts";
import type { HttpsUpstream } from "./upstream.ts";

const DEMO = { name: "sandkeep-demo", version: "1.0.0", main: "index.js" };

/** An npm registry with one package, `sandkeep-demo`. */
export async function startNpm(authority: TestAuthority): Promise<HttpsUpstream> {
  await using folder = await scratch("npm");
  return await startRegistry("npm.example.com", [await packDemo(folder.path)], authority);
}

/** An npm registry at a host, with packages of one version each, as `npm pack` makes them. */
export async function startRegistry(
  host: string,
  archives: string[],
  authority: TestAuthority,
): Promise<HttpsUpstream> {
  const files: Record<string, string | Uint8Array> = {};
  for (const archive of archives) {
    const content = await readFile(archive);
    const manifest = await manifestIn(archive);
    const { name, version } = manifest;
    const path = `/files/${basename(archive)}`;
    const dist = {
      tarball: `https://${host}${path}`,
      integrity: `sha512-${createHash("sha512").update(content).digest("base64")}`,
    };
    const packument = { name, "dist-tags": { latest: version }, versions: { [version]: { ...manifest, dist } } };
    files[`/${name}`] = JSON.stringify(packument);
    files[path] = content;
  }
  return await startFiles({ host, authority, variable: "NPM_TOKEN", files });
}

async function manifestIn(archive: string): Promise<{ name: string; version: string }> {
  const file = "package/package.json";
  return JSON.parse(await tool("tar", ["--extract", "--to-stdout", "--occurrence", "--file", archive, file]));
}

async function packDemo(dir: string): Promise<string> {
  await mkdir(join(dir, "package"));
  await writeFile(join(dir, "package/package.json"), JSON.stringify(DEMO));
  await writeFile(join(dir, "package/index.js"), 'module.exports = "hello from npm";\n');
  const archive = join(dir, `${DEMO.name}-${DEMO.version}.tgz`);
  await tool("tar", ["--create", "--gzip", "--file", archive, "-C", dir, "package"]);
  return archive;
}

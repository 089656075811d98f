import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { tool } from "../packages/command.ts";
import { scratch } from "../packages/scratch.ts";
import { startFiles } from "./files.ts";
import type { HttpsUpstream } from "./upstream.ts";

const HOST = "npm.example.com";
const MANIFEST = { name: "sandkeep-demo", version: "1.0.0", main: "index.js" };

/** An npm registry with one package, `sandkeep-demo`. */
export async function startNpm(authority: TestAuthority): Promise<HttpsUpstream> {
  const tarball = await buildTarball();
  const dist = {
    tarball: `https://${HOST}/files/sandkeep-demo-1.0.0.tgz`,
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
  };
  const packument = {
    name: MANIFEST.name,
    "dist-tags": { latest: MANIFEST.version },
    versions: { [MANIFEST.version]: { ...MANIFEST, dist } },
  };
  const files = { "/sandkeep-demo": JSON.stringify(packument), "/files/sandkeep-demo-1.0.0.tgz": tarball };
  return startFiles({ host: HOST, authority, variable: "NPM_TOKEN", files });
}

async function buildTarball(): Promise<Uint8Array> {
  await using folder = await scratch("npm");
  const dir = folder.path;
  await mkdir(join(dir, "package"));
  await writeFile(join(dir, "package/package.json"), JSON.stringify(MANIFEST));
  await writeFile(join(dir, "package/index.js"), 'module.exports = "hello from npm";\n');
  await tool("tar", ["--create", "--gzip", "--file", join(dir, "demo.tgz"), "-C", dir, "package"]);
  return await readFile(join(dir, "demo.tgz"));
}

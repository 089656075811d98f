import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { tool } from "../packages/command.ts";
import { scratch } from "../packages/scratch.ts";
import { startFiles } from "./files.ts";
import type { HttpsUpstream } from "./upstream.ts";

/** User name; the password is the secret. */
export const APT_USER = "reader";

const CONTROL = `Package: sandkeep-demo
Version: 1.0
Architecture: all
Maintainer: Test <test@example.com>
Description: says hello
`;

/** A flat repository with one package, `sandkeep-demo`, whose program prints a greeting. */
export async function startApt(authority: TestAuthority): Promise<HttpsUpstream> {
  const deb = await buildDeb();
  const digest = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");
  const packages = `${CONTROL}Filename: ./sandkeep-demo.deb\nSize: ${deb.length}\nSHA256: ${digest(deb)}\n\n`;
  const release = `Date: ${new Date().toUTCString()}\nSHA256:\n ${digest(packages)} ${packages.length} Packages\n`;
  const files = { "/repo/Release": release, "/repo/Packages": packages, "/repo/sandkeep-demo.deb": deb };
  return startFiles({ host: "apt.example.com", authority, variable: "APT_PASSWORD", user: APT_USER, files });
}

async function buildDeb(): Promise<Uint8Array> {
  await using folder = await scratch("deb");
  const dir = folder.path;
  await mkdir(join(dir, "root/DEBIAN"), { recursive: true });
  await mkdir(join(dir, "root/usr/bin"), { recursive: true });
  await writeFile(join(dir, "root/DEBIAN/control"), CONTROL);
  await writeFile(join(dir, "root/usr/bin/sandkeep-demo"), "#!/bin/sh\necho hello from apt\n");
  await chmod(join(dir, "root/usr/bin/sandkeep-demo"), 0o755);
  await tool("dpkg-deb", ["--root-owner-group", "--build", join(dir, "root"), join(dir, "demo.deb")]);
  return await readFile(join(dir, "demo.deb"));
}

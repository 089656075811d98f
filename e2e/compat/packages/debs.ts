import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached } from "./cache.ts";
import { tool } from "./command.ts";
import { scratch } from "./scratch.ts";

const SCRIPTS = fileURLToPath(new URL("../../../scripts/lib", import.meta.url));
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The format that is fastest to unpack: under emulation, Debian's own takes half of an installation. */
const COMPRESSION = ["-Zzstd", "-z1"];

export interface DebsOptions {
  packages: string[];
  /** Debian release. */
  suite: string;
  /** Text of `/var/lib/dpkg/status` where they will be installed: what is installed there is not downloaded. */
  status: string;
}

/** A folder with these packages and their dependencies, `*.deb`, from this computer's mirror unless they are cached. */
export function debs({ packages, suite, status }: DebsOptions): Promise<string> {
  const installed = [...status.matchAll(/^Package: (.*)$/gm)].map(([, name]) => name).sort();
  return cached("debs", { packages, suite, installed, compression: COMPRESSION }, async (dir) => {
    await using folder = await scratch("apt");
    const apt = folder.path;
    const mirror = (
      await tool("bash", ["-c", 'source "$1/version.sh"; source "$1/debian.sh"; debian_mirror', "bash", SCRIPTS])
    ).trim();
    await Promise.all(
      ["lists/partial", "archives/partial", "sources"].map((name) => mkdir(join(apt, name), { recursive: true })),
    );
    await writeFile(join(apt, "status"), status);
    await writeFile(join(apt, "sources.list"), `deb [arch=amd64 signed-by=${KEYRING}] ${mirror} ${suite} main\n`);
    const settings = [
      `Dir::Etc::SourceList=${apt}/sources.list`,
      `Dir::Etc::SourceParts=${apt}/sources`,
      `Dir::State::Lists=${apt}/lists`,
      `Dir::State::Status=${apt}/status`,
      `Dir::Cache::Archives=${apt}/archives`,
      "Dir::Cache::PkgCache=",
      "Dir::Cache::SrcPkgCache=",
      "APT::Install-Recommends=false",
      "APT::Sandbox::User=root",
      "Acquire::Languages=none",
      "Debug::NoLocking=true",
    ].flatMap((setting) => ["-o", setting]);
    await tool("apt-get", [...settings, "-q", "update"]);
    await tool("apt-get", [...settings, "-q", "-y", "--download-only", "install", ...packages]);
    for (const name of await readdir(join(apt, "archives"))) {
      if (name.endsWith(".deb")) await repack(join(apt, "archives", name), join(dir, name), join(apt, "unpacked"));
    }
  });
}

async function repack(from: string, to: string, scratch: string): Promise<void> {
  await tool("dpkg-deb", ["--raw-extract", from, scratch]);
  await tool("dpkg-deb", ["--root-owner-group", ...COMPRESSION, "--build", scratch, to]);
  await rm(scratch, { recursive: true });
}

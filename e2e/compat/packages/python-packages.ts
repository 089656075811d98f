import { cached } from "./cache.ts";
import { tool } from "./command.ts";

/** Debian 13's Python. */
const PYTHON_VERSION = "3.13";
const PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"];

/**
 * A `site-packages` with these packages and their dependencies, for the guest's Python. Needs `pip` unless it is
 * cached.
 */
export function pythonPackages(names: string[]): Promise<string> {
  return cached("python", { names, PYTHON_VERSION, PLATFORMS }, async (dir) => {
    const platforms = PLATFORMS.flatMap((platform) => ["--platform", platform]);
    const only = ["--only-binary=:all:", "--python-version", PYTHON_VERSION, "--implementation", "cp"];
    // Unpacked here because it would take most of a minute in the guest; a wheel is just an archive.
    await tool("python3", [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--no-compile",
      "--target",
      dir,
      ...only,
      ...platforms,
      ...names,
    ]);
  });
}

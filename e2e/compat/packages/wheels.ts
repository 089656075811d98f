import { cached } from "./cache.ts";
import { tool } from "./command.ts";

/** The Python that Debian 13 has. */
const PYTHON_VERSION = "3.13";
const PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"];

/** A folder with wheels of these packages and of what they need, for the guest's Python. Needs `pip` when they are not cached. */
export function wheelhouse(names: string[]): Promise<string> {
  return cached("wheels", { names, PYTHON_VERSION, PLATFORMS }, async (dir) => {
    const platforms = PLATFORMS.flatMap((platform) => ["--platform", platform]);
    const only = ["--only-binary=:all:", "--python-version", PYTHON_VERSION, "--implementation", "cp"];
    await tool("python3", ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", dir, ...only, ...platforms, ...names]);
  });
}

import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Workspace } from "./rules.ts";

/** The packages of the workspace below `root`, read from their package.json files. */
export function readWorkspaces(root: string): Workspace[] {
  const shared = dependenciesOf(readJson(join(root, "package.json")));
  return globSync(["packages/*/package.json", "bench/package.json", "e2e/package.json"], { cwd: root }).map((file) => {
    const manifest = readJson(join(root, file));
    return {
      name: String(manifest.name),
      directory: dirname(file),
      dependencies: [...dependenciesOf(manifest), ...shared],
      exports: Object.keys(manifest.exports ?? { ".": null }),
    };
  });
}

interface Manifest {
  name?: string;
  exports?: Record<string, unknown>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const readJson = (file: string) => JSON.parse(readFileSync(file, "utf8")) as Manifest;
const dependenciesOf = (m: Manifest) => Object.keys({ ...m.dependencies, ...m.devDependencies });

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "./manifest.ts";

/** Describes inconsistent versions: all packages share one, which the changelog describes. */
export function versionProblems(root: string, version: string): string[] {
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  const manifests = globSync(["packages/*/package.json", "bench/package.json", "e2e/package.json"], { cwd: root });
  return [
    ...manifests.flatMap((file) => {
      const other = (JSON.parse(read(file)) as Manifest).version;
      return other === version ? [] : [`${file} has version ${other}, ${version} is published`];
    }),
    ...changelogProblems(read("CHANGELOG.md"), version),
  ];
}

/** Describes the problems of a changelog: its newest section must be the version's, with a date, or unreleased. */
export function changelogProblems(changelog: string, version: string): string[] {
  const [newest, older] = Array.from(changelog.matchAll(/^## (.*)$/gm), ([, title]) => title!);
  const released = newest === "Unreleased" ? older : newest;
  if (newest === undefined) return ["CHANGELOG.md has no section"];
  if (released === undefined) return [];
  const [, named, date] = /^\[?(\d[^\]\s]*)\]? - (\S+)$/.exec(released) ?? [];
  if (named === undefined || !/^\d{4}-\d\d-\d\d$/.test(date!))
    return [`CHANGELOG.md: "${released}" should be "${version} - YYYY-MM-DD"`];
  return named === version ? [] : [`CHANGELOG.md ends at version ${named}, the packages have ${version}`];
}

/** Whether the changelog's newest section is for this version. */
export function isDescribed(changelog: string, version: string): boolean {
  return /^## (.*)$/m.exec(changelog)?.[1]?.replace(/[[\]]/g, "").startsWith(`${version} - `) ?? false;
}

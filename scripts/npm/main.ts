/**
 * Builds the SDK's npm package as it would be published, and checks it. Publishes nothing.
 *
 *   main.ts --check          builds, packs and checks; needs no network (a static check of `sandkeep test`)
 *   main.ts --pack DIR       builds and packs into DIR; prints the tarball's path
 *   main.ts --release        everything, and tries it out in an empty project; leaves the tarball in dist/
 */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { tryOut } from "./consumer.ts";
import { pack, stage } from "./stage.ts";
import { problemsOf } from "./tarball.ts";
import { isDescribed, versionProblems } from "./versions.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({
  options: { check: { type: "boolean" }, pack: { type: "string" }, release: { type: "boolean" } },
});

const directory = await mkdtemp(join(tmpdir(), "sandkeep-npm-"));
try {
  const staged = join(directory, "package");
  const { name, version } = await stage(root, staged);
  const into = values.release ? join(root, "dist") : (values.pack ?? directory);
  await mkdir(into, { recursive: true });
  const tarball = await pack(staged, into);
  if (values.pack !== undefined) {
    console.log(tarball);
  } else {
    const problems = [...versionProblems(root, version), ...(await problemsOf(tarball))];
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) process.exitCode = 1;
    else if (values.release) await release(tarball, `${name}@${version}`, version);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function release(tarball: string, spec: string, version: string): Promise<void> {
  await tryOut(root, tarball);
  console.log(
    `${spec} is in ${relative(process.cwd(), tarball)}: built, checked, installed and run in an empty project.`,
  );
  if (isDescribed(await readFile(join(root, "CHANGELOG.md"), "utf8"), version))
    console.log(
      `To publish it, from the CI job that signs its provenance: npm publish ${relative(process.cwd(), tarball)}`,
    );
  else console.log(`Before it is published, CHANGELOG.md needs a section "## ${version} - YYYY-MM-DD".`);
}

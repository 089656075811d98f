import { readFile } from "node:fs/promises";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { type Manifest, SOURCE_CONDITION } from "./manifest.ts";

/** Type resolution modes that cannot work for a pure ESM package: those of CommonJS. */
const COMMONJS = ["node10", "node16-cjs"];
/** Fields of a published package.json that its page on npm needs. */
const FIELDS = [
  "description",
  "keywords",
  "license",
  "repository",
  "homepage",
  "bugs",
  "engines",
  "types",
  "sideEffects",
  "publishConfig",
];
const FILES = ["package.json", "README.md", "LICENSE", "dist/mod.js", "dist/mod.d.ts"];

/** Describes the problems of a packed package. Needs no network. */
export async function problemsOf(tarball: string): Promise<string[]> {
  const data = await readFile(tarball);
  const contents = createPackageFromTarballData(new Uint8Array(data));
  const prefix = `/node_modules/${contents.packageName}/`;
  const files = contents.listFiles().map((file) => file.slice(prefix.length));
  const read = (file: string) => contents.readFile(prefix + file);
  return [
    ...FILES.filter((file) => !files.includes(file)).map((file) => `${file} is missing`),
    ...unexpected(files),
    ...manifestProblems(JSON.parse(read("package.json")) as Manifest),
    ...relativeLinks(read("README.md")).map(
      (link) => `README.md: the link ${link} leads nowhere on npm; make it absolute`,
    ),
    ...(await publintProblems(data)),
    ...(await typesProblems(contents)),
  ];
}

function unexpected(files: string[]): string[] {
  return files
    .filter(
      (file) => !FILES.includes(file) && (!/^dist\/.*\.(js|d\.ts)$/.test(file) || /\.test\.|\/testing\//.test(file)),
    )
    .map((file) => `${file} must not be published`);
}

/** Describes the problems of a published package.json. */
export function manifestProblems(manifest: Manifest): string[] {
  const problems = FIELDS.filter((field) => manifest[field] === undefined).map((field) => `package.json: no ${field}`);
  if (JSON.stringify(manifest.exports).includes(SOURCE_CONDITION))
    problems.push(`package.json: exports have the condition ${SOURCE_CONDITION}, which only works in the repository`);
  if (manifest.private) problems.push("package.json: is private");
  for (const field of ["scripts", "devDependencies"])
    if (manifest[field]) problems.push(`package.json: ${field} are of no use to whoever installs it`);
  for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
    if (name.startsWith("@sandkeep/")) problems.push(`package.json: depends on ${name}, which is not published`);
    if (!/^[\^~]?\d/.test(range)) problems.push(`package.json: depends on ${name} ${range}, which npm cannot resolve`);
  }
  return problems;
}

/** Relative targets of a page's links and images. */
export function relativeLinks(markdown: string): string[] {
  const text = markdown.replaceAll(/^```[^]*?^```/gm, "");
  return Array.from(text.matchAll(/\]\(([^)\s]+)/g), ([, target]) => target!).filter(
    (target) => !/^(https:|#)/.test(target),
  );
}

async function publintProblems(data: Buffer<ArrayBuffer>): Promise<string[]> {
  const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`);
}

async function typesProblems(contents: ReturnType<typeof createPackageFromTarballData>): Promise<string[]> {
  const result = await checkPackage(contents);
  if (!result.types) return ["are the types wrong: there are none"];
  return result.problems
    .filter((problem) => !("resolutionKind" in problem && COMMONJS.includes(problem.resolutionKind)))
    .map((problem) => `are the types wrong: ${JSON.stringify(problem)}`);
}

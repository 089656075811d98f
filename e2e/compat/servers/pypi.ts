import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { tool } from "../packages/command.ts";
import { scratch } from "../packages/scratch.ts";
import { startFiles } from "./files.ts";
import type { HttpsUpstream } from "./upstream.ts";

/** User name; the password is the secret. */
export const PYPI_USER = "reader";

const WHEEL = "sandkeep_demo-1.0-py3-none-any.whl";
const INFO = "sandkeep_demo-1.0.dist-info";
const CONTENTS = {
  "sandkeep_demo.py": 'GREETING = "hello from pip"\n',
  [`${INFO}/METADATA`]: "Metadata-Version: 2.1\nName: sandkeep-demo\nVersion: 1.0\n",
  [`${INFO}/WHEEL`]: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  [`${INFO}/RECORD`]: "",
};

/** A simple index (PEP 503) with one package, `sandkeep-demo`. */
export async function startPypi(authority: TestAuthority): Promise<HttpsUpstream> {
  const wheel = await buildWheel();
  const digest = createHash("sha256").update(wheel).digest("hex");
  const page = `<!DOCTYPE html><html><body><a href="/files/${WHEEL}#sha256=${digest}">${WHEEL}</a></body></html>`;
  const files = { "/simple/sandkeep-demo/": page, [`/files/${WHEEL}`]: wheel };
  return startFiles({ host: "pypi.example.com", authority, variable: "PYPI_PASSWORD", user: PYPI_USER, files });
}

/** A wheel is a zip archive, which Python can make. */
async function buildWheel(): Promise<Uint8Array> {
  await using folder = await scratch("wheel");
  const dir = folder.path;
  const program =
    "import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n  for name, text in json.loads(sys.argv[2]).items(): z.writestr(name, text)\n";
  await tool("python3", ["-c", program, join(dir, WHEEL), JSON.stringify(CONTENTS)]);
  return await readFile(join(dir, WHEEL));
}

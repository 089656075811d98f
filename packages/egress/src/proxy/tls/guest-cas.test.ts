import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { getCACertificates } from "node:tls";
import { authorityPem } from "./authority.ts";
import { loadGuestCas } from "./guest-cas.ts";

/** Contains the root of a system, an installation, and some private CAs. */
let dir: string;
let own: string;
const [configured, environment, local, distributions] = [
  "configured",
  "environment",
  "local",
  "distributions",
] as const;
const made: Record<string, string> = {};
const MOZILLAS = getCACertificates("bundled")[0]!;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-trust-"));
  own = await authorityPem(join(dir, "egress"));
  for (const name of [configured, environment, local, distributions]) made[name] = await authorityPem(join(dir, name));
});
after(() => rm(dir, { recursive: true, force: true }));

async function file(path: string, ...pems: string[]): Promise<string> {
  const name = join(dir, path);
  await mkdir(dirname(name), { recursive: true });
  await writeFile(name, `# a comment\n${pems.join("\n")}\n`);
  return name;
}

/** Names of the authorities that guests are given, after the installation's. */
async function given(options: {
  caFiles?: string[];
  environment?: NodeJS.ProcessEnv;
  root?: string;
}): Promise<string[]> {
  const { pems, leftOut } = await loadGuestCas({
    dir: join(dir, "egress"),
    caFiles: [],
    environment: {},
    root: join(dir, "empty"),
    ...options,
  });
  assert.equal(pems[0], own);
  assert.equal(leftOut, 0);
  return pems.slice(1).map((pem) => Object.keys(made).find((name) => made[name]!.trim() === pem.trim()) ?? "unknown");
}

test("by itself only the installation's own", async () => {
  assert.deepEqual(await given({}), []);
});

test("those of egress.caFiles, of the environment's files, and those the administrator added to the system's store", async () => {
  await file("root/usr/local/share/ca-certificates/company/ca.crt", made[local]!);
  const caFile = await file("ca.pem", made[configured]!);
  const extra = await file("extra.pem", made[environment]!, made[configured]!);
  assert.deepEqual(
    await given({
      caFiles: [caFile],
      root: join(dir, "root"),
      environment: { NODE_EXTRA_CA_CERTS: extra, SSL_CERT_FILE: join(dir, "missing.pem") },
    }),
    [configured, local, environment],
  );
});

test("none that the world knows, or the distribution's list has, though a variable names the whole store", async () => {
  const bundle = await file("debian/etc/ssl/certs/ca-certificates.crt", made[distributions]!, MOZILLAS, made[local]!);
  await file("debian/usr/local/share/ca-certificates/ca.crt", made[local]!);
  const variables = { SSL_CERT_FILE: bundle, NODE_EXTRA_CA_CERTS: bundle };
  assert.deepEqual(await given({ root: join(dir, "debian"), environment: variables }), [local]);
  assert.deepEqual(await given({ caFiles: [bundle], root: join(dir, "debian") }), [distributions, local]);
});

test("a file of egress.caFiles that cannot be read is an error, and too many authorities are counted", async () => {
  await assert.rejects(given({ caFiles: [join(dir, "missing.pem")] }), /ENOENT/);
  const many = await Promise.all(Array.from({ length: 34 }, (_, n) => authorityPem(join(dir, `many-${n}`))));
  const { pems, leftOut } = await loadGuestCas({
    dir: join(dir, "egress"),
    caFiles: [await file("many.pem", ...many)],
    environment: {},
    root: join(dir, "empty"),
  });
  assert.deepEqual([pems.length, leftOut], [33, 2]);
  assert.equal(own, await readFile(join(dir, "egress/ca.pem"), "utf8"));
});
